"""One stroke at a time, as sound: each instrument is a function from pitch, length and touch to samples.

`catalogue` says what there is. Nothing here aliases, and every sound begins and ends at zero.
"""
