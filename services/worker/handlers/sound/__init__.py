"""What the handlers do to sound itself, on threads. scipy and libsndfile take longer to load than a worker to start, so
handlers import these modules where they need them, with the first task, and nothing here is imported at the start."""
