"""Measures finished audio: loudness, peaks, tone, tempo, key and form. Knows no plan and changes nothing."""

from music.analyze.describe import describe

__all__ = ["describe"]
