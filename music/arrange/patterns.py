"""How each genre plays its chords, as patterns (see `music.rhythm`): held back, as usual, and played out."""

from dataclasses import dataclass

LONG = "x---------------"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comping:
    calm: tuple[str, ...]
    usual: tuple[str, ...]
    full: tuple[str, ...]
    #: How much of a chord's length sounds.
    legato: float = 0.95
    #: How late the chords come, in seconds: some genres lean back.
    late: float = 0.0
    #: The last off-beat of a bar already plays the next chord.
    anticipates: bool = False


COMPING = {
    "lo-fi": Comping(
        calm=(LONG, "x-------..o-----"),
        usual=("x-----..o---....", "x--.o-----..x---", "x-----x---......", "x---....o-----o-"),
        full=("x--.x-..x---o-..", "x-----x-..x-x---", "x---..x-..o-x-.."),
        late=0.018,
    ),
    "boom bap": Comping(
        calm=(LONG, "x-----.........."),
        usual=("x-....x-..x-....", "..x-....x--.....", "x--x--..........", "x-......x-o-...."),
        full=("x-..x-.x--..x-..", "x--x..x-..x--x..", "x-....x-x-.x-..."),
        legato=0.85,
        late=0.012,
    ),
    "trap": Comping(
        calm=(LONG, "0---1---2-------"),
        usual=("x-----------....", "0---1---2---1---", "x---------x-----"),
        full=("0-1-2-1-0-1-2-1-", "x-----x-----x---", "0-2-1-0-2-1-0-2-"),
    ),
    "house": Comping(
        calm=(LONG, "x-----x---------"),
        usual=("..x-..x-..x-..x-", "x--x--x-..x-.x..", "..x-..xx..x-..x-"),
        full=("x..x..x..x..x.x.", "x-.x-.x.x-.x-.x.", "..x-.x..x.x-..x.", "x-.x-.x-..x-.x.x"),
        legato=0.8,
    ),
    "techno": Comping(
        calm=("..x.............", "......x........."),
        usual=("...x..x.........", "..x.....x.......", ".x..x....x..x..."),
        full=("...x..x....x..x.", "x..x..x..x..x...", "..x...x...x...x."),
        legato=0.8,
    ),
    "drum and bass": Comping(
        calm=(LONG,),
        usual=("x-------......x-", "x-----x---------", "x-.....x-......."),
        full=("x--x------x-....", "x-----x-----x---", "x--x--x---......"),
    ),
    "synthwave": Comping(
        calm=(LONG,),
        usual=("0-1-2-1-0-1-2-1-", "x-------x-------", "x--x--x-----x---"),
        full=("x--x--x-x--x--x-", "x-x-x-x-x-x-x-x-", "X-----x-X-----x-"),
        legato=0.88,
    ),
    "pop": Comping(
        calm=(LONG, "x-------x-------", "0---1---2---1---"),
        usual=("x---x---x---x---", "x-----x-x---x---", "b-u-u-u-b-u-u-u-", "0-1-2-1-0-1-2-1-"),
        full=("x-x-x-x-x-x-x-x-", "X---x-x-X---x-x-", "X--x--x-X--x--x-", "X---x---X--x--x-"),
    ),
    "rock": Comping(
        calm=(LONG, "x-------x-------", "X-----------x-x-"),
        usual=("x.x.x.x.x.x.x.x.", "X-..x.x.X-..x.x.", "xxx.x.x.xxx.x.x.", "X--x..x.x--x..x."),
        full=("X-x-x-x-X-x-x-x-", "X---X---X-x-X-x-", "X--X--X-X--X--X-", "X-------X--X--X-"),
        legato=0.97,
    ),
    "funk": Comping(
        calm=("..x...x...x...x.", "....x.......x...", "..x.....x......."),
        usual=("..xo..x.o.x...xo", "x..x.ox..x.x..x.", ".x.xo.x...xo.xo."),
        full=("x.oxo.x.xo.x.oxo", "xoox.oxo.xo.xoxo", "..xx.ox...xx.oxo"),
        legato=0.7,
    ),
    "reggae": Comping(
        calm=("....x-......x-..",),
        usual=("..x...x...x...x.", "..xo..x...xo..x."),
        full=("..x...xx..x...xx", "..xo..xo..xo..xo"),
        legato=0.8,
    ),
    "jazz": Comping(
        calm=(LONG, "x-----..........", "....x-......x-.."),
        usual=(
            "x--.......x-....",
            "..x-....x-......",
            "x-....x-........ ..x-......x-....",
            "....x-....x-.... x--...x-........",
        ),
        full=("x--..x....x-..x-", "..x-..x-..x-..x-", "x-..x-.x-..x-..."),
        legato=0.8,
        anticipates=True,
    ),
    "folk": Comping(
        calm=("0-----1-2---1---", "0---2---1---2---"),
        usual=("0-2-1-2-0-2-1-2-", "0-1-2-1-0-1-2-1-", "b---u---b---u-u-"),
        full=("X---x-x-..x-x-x-", "X---x-x-X---x-x-", "b-u-b-u-b-u-b-u-"),
    ),
    "classical": Comping(
        calm=("0---1---2---1---", LONG),
        usual=("0-2-1-2-0-2-1-2-", "0-1-2-1-0-1-2-1-", "b---u---b---u---"),
        full=("b-u-u-u-b-u-u-u-", "0-2-1-2-0-2-1-2-", "0212021202120212"),
        legato=0.9,
    ),
    "cinematic": Comping(
        calm=(LONG, "x-------x-------"),
        usual=("0-1-2-1-0-1-2-1-", "0---1---2---1---", "x-------x-------"),
        full=("x-x-x-x-x-x-x-x-", "0121012101210121", "x--x--x-x--x--x-"),
    ),
    "ambient": Comping(
        calm=(LONG,),
        usual=("0-------2-------", "0---1---2-------", LONG),
        full=("0---1---2---1---", "0-----1-----2---", "0-2-1---2-------"),
    ),
}
#: What a second player of chords adds, where the section is played out.
SUPPORT = {
    "reggae": ".oxo.oxo.oxo.oxo",
    "funk": "x-....x-....x-..",
    "house": "x-----x---x-----",
}
#: Arpeggios of sections that are played out, by genre; the digits go up through the chord.
ARPEGGIOS = {
    "synthwave": ("0123210123210123", "0120312001203120", "0-2-1-3-0-2-1-3-"),
    "house": ("0.1.2.3.2.1.0.2.", "0..1..2..1..0.2."),
    "techno": ("0120120120120120",),
    "drum and bass": ("0-1-2-3-2-1-2-1-", "0..1..2..3..2.1."),
    "trap": ("0.2.1.2.3.2.1.2.",),
    "pop": ("0.1.2.3.2.1.2.1.", "0-2-1-3-2-1-0-2-"),
    "cinematic": ("0120123201201232", "0-1-2-3-2-1-2-3-"),
    "ambient": ("0---2---1---3---", "0-----3-----1---"),
    "lo-fi": ("....2---....3---",),
}
#: Stabs of a brass section that stands where others have a pad.
BRASS = ("..........x-..x.", "x-......x..x....", "......x-....x-x.", "x..x............ ..........x-x-..")
