"""Jobs: what is to be done, and what has happened. All of it is in Redis; any replica may die at any time."""
