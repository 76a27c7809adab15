"""The groove: drums, percussion and effects as notes, with the swing and the looseness of the hands that play them.

Every track draws from generators of its own, and drums also section by section: what is done to one is not heard in
another.
"""

from collections.abc import Sequence

from music.groove import brushes, drums, effects, percussion
from music.instruments import KICK
from music.plan import Section, Track
from music.request import Composition

__all__ = ["kicks", "tracks"]


def tracks(wanted: Composition, sections: Sequence[Section]) -> tuple[Track, ...]:
    """Those of the stems drums, percussion and fx that are wanted and have something to play."""
    made: list[Track] = []
    if not sections:
        return ()
    drumming = drums.plays(wanted)
    if drumming and "drums" in wanted.stems:
        made.append(drums.track(wanted, sections))
        if brushes.plays(wanted, made[0].instrument):
            made = [brushes.tapped(made[0], wanted, sections), brushes.track(wanted, sections)]
    if "percussion" in wanted.stems and percussion.plays(wanted, drumming):
        made.append(percussion.track(wanted, sections))
    if "fx" in wanted.stems:
        made += effects.tracks(wanted, sections)
    return tuple(track for track in made if track.notes)


def kicks(made: Sequence[Track]) -> tuple[float, ...]:
    """The beats at which the kick is struck, in order."""
    return tuple(
        sorted({note.start for track in made if track.stem == "drums" for note in track.notes if note.pitch == KICK})
    )
