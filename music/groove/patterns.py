"""Which rhythms there are for a genre, a part of the piece and a meter."""

from music.groove.bands import BANDS
from music.groove.machines import MACHINES
from music.groove.notation import Pattern, read
from music.groove.shakers import SHAKERS

#: From the emptiest to the fullest.
PARTS = ("thin", "verse", "full")
DRUMS = (*read(MACHINES), *read(BANDS))
PERCUSSION = read(SHAKERS)


def alternatives(patterns: tuple[Pattern, ...], owner: str, part: str, signature: int) -> tuple[Pattern, ...]:
    """Those written for the meter if there are any, else those that can be derived for it."""
    fitting = [pattern for pattern in patterns if (pattern.owner, pattern.part) == (owner, part)]
    own = tuple(pattern for pattern in fitting if pattern.signature == signature)
    return own or tuple(pattern for pattern in fitting if pattern.signature == 4)
