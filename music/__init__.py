"""Music as values and sound: requests become plans, plans become audio. Knows nothing of servers, queues or files."""

#: Names the engine in every plan. A change that alters what a seed sounds like takes the next number.
ENGINE = "procedural/1"
