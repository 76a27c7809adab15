"""Jobs in Redis: the keys, the scripts that change several of them at once, and the only code that calls them."""
