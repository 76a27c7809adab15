"""What each genre usually does: tempo, mode, harmony, touch. A style only fills in what the caller left open."""

from dataclasses import dataclass

#: Chord degrees of a four-bar phrase. The first entry of a pair is the verse, the second the chorus.
Phrases = tuple[tuple[int, ...], tuple[int, ...]]

MAJOR_PHRASES: tuple[Phrases, ...] = (
    ((0, 5, 3, 4), (3, 4, 2, 5)),
    ((0, 4, 5, 3), (5, 3, 0, 4)),
    ((0, 2, 3, 4), (0, 4, 5, 3)),
    ((0, 3, 5, 4), (3, 0, 4, 5)),
)
MINOR_PHRASES: tuple[Phrases, ...] = (
    ((0, 5, 2, 6), (5, 6, 0, 2)),
    ((0, 3, 5, 4), (5, 2, 6, 0)),
    ((0, 6, 5, 6), (5, 3, 0, 6)),
    ((0, 2, 6, 3), (3, 6, 2, 5)),
)
JAZZ_PHRASES: tuple[Phrases, ...] = (
    ((0, 5, 1, 4), (2, 5, 1, 4)),
    ((1, 4, 0, 5), (3, 6, 2, 5)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    slow_bpm: int
    fast_bpm: int
    mode: str
    #: 3 for triads, 4 for sevenths.
    voices: int
    #: How the keys play: `hold`, `pulse`, `offbeat` or `broken`.
    touch: str
    #: Instruments that play the chords and the melody.
    keys: str = "electric_piano"
    lead: str = "pluck"
    #: Where the off-beat falls between two beats; 0.5 is straight, 0.67 a triplet.
    swing: float = 0.5
    energy: float = 0.5
    jazz: bool = False


STYLES = {
    "lo-fi": Style(slow_bpm=68, fast_bpm=92, mode="minor", voices=4, touch="pulse", swing=0.58, energy=0.4),
    "ambient": Style(
        slow_bpm=56, fast_bpm=80, mode="major", voices=4, touch="hold", lead="electric_piano", energy=0.25
    ),
    "cinematic": Style(slow_bpm=66, fast_bpm=100, mode="minor", voices=3, touch="broken", energy=0.5),
    "classical": Style(slow_bpm=72, fast_bpm=120, mode="major", voices=3, touch="broken", keys="pluck", energy=0.45),
    "folk": Style(slow_bpm=84, fast_bpm=118, mode="major", voices=3, touch="broken", keys="pluck", energy=0.45),
    "hip-hop": Style(slow_bpm=76, fast_bpm=98, mode="minor", voices=4, touch="offbeat", swing=0.56, energy=0.5),
    "jazz": Style(
        slow_bpm=80, fast_bpm=150, mode="major", voices=4, touch="offbeat", swing=0.64, energy=0.5, jazz=True
    ),
    "pop": Style(slow_bpm=92, fast_bpm=124, mode="major", voices=3, touch="pulse", energy=0.6),
    "rock": Style(slow_bpm=104, fast_bpm=144, mode="minor", voices=3, touch="pulse", energy=0.7),
    "house": Style(slow_bpm=118, fast_bpm=128, mode="minor", voices=4, touch="offbeat", energy=0.75),
    "synthwave": Style(slow_bpm=84, fast_bpm=116, mode="minor", voices=3, touch="broken", energy=0.65),
    "techno": Style(slow_bpm=124, fast_bpm=136, mode="minor", voices=3, touch="offbeat", energy=0.8),
}
DEFAULT_GENRE = "pop"


def phrases_for(style: Style, mode: str) -> tuple[Phrases, ...]:
    if style.jazz and mode == "major":
        return JAZZ_PHRASES
    return MAJOR_PHRASES if mode == "major" else MINOR_PHRASES
