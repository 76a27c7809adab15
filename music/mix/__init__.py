"""Puts the stems of a plan together: levels, tone, space and movement for each, and a finished master of the whole."""

from music.mix.blocks import Audio, Reader, hold
from music.mix.mixdown import Mixed, mixdown
from music.mix.settings import settings

__all__ = ["Audio", "Mixed", "Reader", "hold", "mixdown", "settings"]
