"""What tunes are like in each genre: their rhythms over two bars of four, where they lie, how they move."""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Two bars each; the plainest comes first.
Rhythms = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Feel:
    verse: Rhythms
    chorus: Rhythms
    #: The pitch around which a chorus lies; a verse lies `lift` lower.
    centre: int = 74
    lift: int = 5
    #: How far the contour reaches from the first note, in steps of the scale.
    reach: int = 4
    #: The chance that a weak note jumps.
    leaps: float = 0.12
    #: The chance that a note repeats the one before.
    repeats: float = 0.2
    #: Between strong notes only the five tones that never rub.
    pentatonic: bool = False
    #: How much of a note's length sounds.
    legato: float = 0.95
    #: How verse and chorus repeat their motif, a letter for two bars; see `music.melody.phrases`.
    schemes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The chance that a long note is ornamented.
    ornaments: float = 0.0
    #: The chance that a section of this kind has no tune at all.
    silent: Mapping[str, float] = field(default_factory=dict)


SILENT = {"intro": 0.75}

FEELS: dict[str, Feel] = {
    "lo-fi": Feel(
        verse=(
            "x--x--x-........ ..x-x--x--......",
            "..x-x---..x-x--- ..x-x-----......",
            "x---..xxx-----.. ....x-x-x-......",
            "......x-x-x-x--- x-----..........",
            "..x--x--x---.... ..x--x--........",
        ),
        chorus=(
            "x--x--x---x-x--- x--x--x-----....",
            "x-x-x-----x-x-x- x-----x-x---....",
            "..x-x-x-x-----x- ..x-x-x-x---....",
            "x--xx-x-x-----.. x--xx-x-x---....",
        ),
        centre=73,
        lift=4,
        pentatonic=True,
        legato=0.9,
        ornaments=0.1,
        silent={"intro": 0.6},
    ),
    "boom bap": Feel(
        verse=(
            "x--x..x-..x-.... x--x..x-........",
            "..x-x-.x--..x-.. ..x-x-.x--......",
            "x---....x-x-x--- ................",
            "....x-xxx---.... ....x-x-........",
        ),
        chorus=(
            "x-x-.x-x--x-..x- x-x-.x-x--......",
            "x---x-xxx-..x--- x---x-x-x-......",
            "x--x--x-x-xx..x- x--x--x-x---....",
            "..x-x-xx--x-x--- ..x-x-xx--......",
        ),
        centre=72,
        lift=3,
        pentatonic=True,
        legato=0.8,
        schemes={"verse": ("aaaa", "aaab"), "chorus": ("aaab", "abab")},
        silent={"intro": 0.5, "verse": 0.0},
    ),
    "trap": Feel(
        verse=(
            "x--x--x-........ x--x--x-........",
            "x-------..x---x- ........x---....",
            "x---....x---.... x-x-x---........",
            "....x--x--x-.... ....x-----......",
        ),
        chorus=(
            "x--x--x-x--x--x- x--x--x-x---....",
            "x-x-..x-x-..x-x- x-----x-x---....",
            "x---x--x--x-x--- x---x--x--x-....",
            "x--x--x-xxx-x--- x--x--x-....x-..",
        ),
        centre=79,
        lift=0,
        reach=5,
        leaps=0.2,
        repeats=0.3,
        legato=0.9,
        schemes={"verse": ("aaaa", "aaab"), "chorus": ("abab", "aaab"), "drop": ("abab", "aaab")},
        silent={"intro": 0.0},
    ),
    "house": Feel(
        verse=(
            "..x-..x-..x-.... ..x-..x-........",
            "x--x--x-........ x--x--x-........",
            "........x--x--x- ........x--x....",
        ),
        chorus=(
            "x--x--x--x--x-x- x--x--x--x--....",
            "..x-x-x-..x-x-x- ..x-x-x-x---....",
            "x-.xx-.x..x-x-.. x-.xx-.xx---....",
            "x--x--x-x--x--x- x--x--x-x-x-....",
        ),
        centre=75,
        lift=3,
        pentatonic=True,
        legato=0.75,
        repeats=0.3,
        schemes={"verse": ("aaaa", "aaab"), "chorus": ("aaab", "abab"), "drop": ("aaab", "abab")},
        silent={"intro": 1.0, "verse": 0.4},
    ),
    "drum and bass": Feel(
        verse=(
            "x-------....x--- x-----------....",
            "....x---x-x----- ................",
            "x-----------.... x---x---x---....",
        ),
        chorus=(
            "x-----x-----x--- x-------x---....",
            "x---x-----x-x--- x-----------....",
            "x-----x-----x-x- x-----x-----x---",
            "x-------x---x--- x---x-------....",
        ),
        centre=76,
        reach=5,
        silent={"intro": 0.8, "verse": 0.3},
    ),
    "synthwave": Feel(
        verse=(
            "x-----x-x---.... x-----x-x---....",
            "....x-x-x-x-x--- x-----------....",
            "x---x---x-x-x--- x-------........",
        ),
        chorus=(
            "x-----x-----x--- x---x---x---....",
            "x-----x-x-----x- x-----x-x---....",
            "x---x-x-x---x-x- x-----------....",
            "x-x-x---x-x-x--- x-x-x---x---....",
        ),
        centre=76,
        reach=5,
        silent={"intro": 0.7},
    ),
    "pop": Feel(
        verse=(
            "x-x-x-x-x---.... x-x-x---........",
            "..x-x-x-x-x-x--- ..x-x-x---......",
            "x-x-..x-x-x-.... x-x-x-x-x---....",
            "x--x--x-x-x-.... ..x-x-x-x-......",
            "....x-x-x-x-x-x- x---x---........",
        ),
        chorus=(
            "x---x---x--x--x- x-------x---....",
            "x--x--x---x-x-x- x--x--x-----....",
            "x-x-x---x-x-x--- x---x-------....",
            "x-----x-x-x-x--- x-----x-x---....",
            "x-x-x-x---x-x--- x-x-x-x-----....",
        ),
        centre=75,
        repeats=0.3,
        silent={"intro": 0.7},
    ),
    "rock": Feel(
        verse=(
            "x-x-x-x-x-x-.... ....x-x-x---....",
            "..x-x-x-x-..x-x- x---............",
            "x--x--x-x-x-.... x--x--x-........",
        ),
        chorus=(
            "x---x---x---x--- x-----x-x---....",
            "x--x--x-x---x--- x--x--x-----....",
            "x-----x-x-x-x--- x---x---x---....",
            "x-x-x---x---x-x- x-x-x---x---....",
        ),
        centre=74,
        pentatonic=True,
        repeats=0.25,
        silent={"intro": 0.8},
    ),
    "funk": Feel(
        verse=(
            "x.x..xx.....x.x. ..x.x..x........",
            "..x.xx....x.x... x.xx..x.........",
            "x..x..x.x....... ..xxx..x........",
        ),
        chorus=(
            "x-x..x-xx...x-x- x-..xx-xx---....",
            "x..xx.x-..x.x.x- x..xx.x-........",
            "x-.xx-.xx-..x-x- x-.xx-.xx---....",
        ),
        centre=73,
        lift=3,
        pentatonic=True,
        legato=0.7,
        leaps=0.2,
        silent={"intro": 1.0, "verse": 0.2},
    ),
    "reggae": Feel(
        verse=(
            "..x-x-x-x---.... ..x-x-x---......",
            "x-x-x---..x-x--- x-x---..........",
            "....x-x-x-x-x--- ....x-x-x---....",
        ),
        chorus=(
            "x---x-x-x-x-x--- x---x-x-x---....",
            "x-x-x-x-x---x--- x---x---x---....",
            "..x-x-x-x-x-x--- ..x-x-x-x---....",
        ),
        centre=73,
        repeats=0.25,
        silent={"intro": 0.8},
    ),
    "jazz": Feel(
        verse=(
            "..x-x-x-x--x..x- ..x--x--........",
            "x--x--x-..x-x-x- x-----......x-x-",
            "..x-x--x..x-x--x x-x-x---........",
            "x-x-x-x---x-x--x ....x--x--......",
        ),
        chorus=(
            "x---x--x--x-x-x- x-----..x-x-x---",
            "x-x-x-x---x-x--x ..x-x-x-x---....",
            "..x-x-x-x---x--x ..x-x-x-x---....",
        ),
        centre=73,
        lift=2,
        reach=5,
        leaps=0.2,
        repeats=0.08,
        ornaments=0.2,
        silent={"intro": 0.6},
    ),
    "folk": Feel(
        verse=(
            "x---x-x-x---x--- x---x-x-x---....",
            "..x-x---x-x-x--- x-x-x-x-x---....",
            "x-x-x---x-x-x--- x---x---x---....",
        ),
        chorus=(
            "x-----x-x---x--- x---x---x---....",
            "x---x-x-x-x-x--- x-----x-x---....",
            "x-----x-x-x-x--- x---x-x-x---....",
        ),
        centre=74,
        lift=4,
        leaps=0.15,
        ornaments=0.12,
        silent={"intro": 0.7},
    ),
    "classical": Feel(
        verse=(
            "x---x-x-x---x--- x-x-x-x-x---....",
            "x-----x-x-x-x-x- x---x---x---....",
            "x-xxx-x-x---x--- x-xxx-x-x---....",
            "x---x---x-x-x-x- x-xxxxx-x---....",
        ),
        chorus=(
            "x---x---x-x-x-x- x-----x-x---....",
            "x-x-x-x-x---x-x- x-x-x-x-x---....",
            "x-----xxx---x--- x---x-xxx---....",
        ),
        centre=76,
        lift=3,
        reach=5,
        leaps=0.15,
        repeats=0.1,
        ornaments=0.35,
        schemes={"verse": ("abac", "aabc"), "chorus": ("abac", "aasc"), "bridge": ("ssis", "isic")},
        silent={"intro": 0.6},
    ),
    "cinematic": Feel(
        verse=(
            "x-------x------- x---x---x---....",
            "x-----------x--- x-----------....",
            "x---x---x------- x-----------....",
        ),
        chorus=(
            "x-----x-x---x--- x-------x---....",
            "x-----x-x-----x- x-----------x---",
            "x-------x---x--- x---x-------....",
        ),
        centre=75,
        lift=6,
        reach=5,
        repeats=0.1,
        silent={"intro": 0.9, "verse": 0.15},
    ),
}
#: Two of the genres have tunes of a kind of their own; what is asked for here is where they lie.
FEELS["techno"] = Feel(
    verse=("x..x..x.",), chorus=("x..x..x.",), centre=70, legato=0.6, silent={"intro": 1.0, "verse": 0.5}
)
FEELS["ambient"] = Feel(verse=("x-------",), chorus=("x-------",), centre=76, lift=2, silent={"intro": 0.2})
