"""Measures a whole mesh from outside: what a caller gets, on this machine, now."""
