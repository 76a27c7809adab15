"""How each genre handles its drums: the kit, how loose the time is and who is early or late, where fills, crashes and
rolls belong. What is played is in `patterns`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from music.instruments import (
    CLOSED_HAT,
    KICK,
    LOW_TOM,
    OPEN_HAT,
    RIDE,
    RIM,
    SHAKER,
    SNARE,
)

#: What a threshold says that is never reached.
NEVER = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Feel:
    kit: str
    #: Standard deviation of each hit's time.
    jitter_ms: float
    #: The kick's share of it: others lock to it.
    kick_jitter: float = 0.8
    velocity_jitter: float = 0.05
    #: By piece; negative pushes.
    late_ms: Mapping[int, float] = field(default_factory=dict)
    #: A family in `fills`.
    fills: str
    #: A fill ends so many bars.
    phrase: int = 4
    #: Sections of this energy start with a crash.
    crash: float = 0.6
    #: How likely a chorus moves from the hat to the ride.
    ride: float = 0.0
    #: The piece that rolls up to a drop or a chorus.
    roll: int | None = None
    #: Short rolls on the hat within the bar.
    hat_rolls: bool = False
    #: A bridge may be played at half time.
    half_time_bridge: bool = False
    #: Below the first tempo two bars of a pattern are played in one, above the second one in two: the tempo was counted
    #: twice as slow or as fast as the genre is felt.
    doubles_below: float = 0.0
    halves_above: float = 1000.0
    #: Two hits on a piece are at least so far apart.
    quickest_ms: float = 60.0
    #: What is struck, softly, where nothing else would be.
    pulse: int = CLOSED_HAT


MACHINE_MS = 36.0

FEELS: Mapping[str, Feel] = {
    "lo-fi": Feel(
        kit="kit_lofi",
        jitter_ms=7.0,
        late_ms={SNARE: 16.0, RIM: 14.0, CLOSED_HAT: 4.0, OPEN_HAT: 6.0, SHAKER: 6.0},
        fills="dusty",
        crash=NEVER,
        halves_above=135.0,
    ),
    "boom bap": Feel(
        kit="kit_lofi",
        jitter_ms=6.0,
        late_ms={SNARE: 9.0, CLOSED_HAT: -2.0},
        fills="dusty",
        crash=0.8,
        halves_above=140.0,
    ),
    "trap": Feel(
        kit="kit_808",
        jitter_ms=3.0,
        kick_jitter=0.4,
        velocity_jitter=0.04,
        fills="trap",
        crash=0.6,
        roll=SNARE,
        hat_rolls=True,
        doubles_below=98.0,
        quickest_ms=MACHINE_MS,
    ),
    "house": Feel(
        kit="kit_909",
        jitter_ms=3.0,
        kick_jitter=0.3,
        velocity_jitter=0.035,
        fills="house",
        phrase=8,
        crash=0.55,
        roll=SNARE,
        quickest_ms=MACHINE_MS,
    ),
    "techno": Feel(
        kit="kit_909",
        jitter_ms=3.0,
        kick_jitter=0.3,
        velocity_jitter=0.035,
        fills="techno",
        phrase=8,
        crash=0.65,
        roll=SNARE,
        quickest_ms=MACHINE_MS,
    ),
    "drum and bass": Feel(
        kit="kit_electro",
        jitter_ms=3.5,
        kick_jitter=0.6,
        velocity_jitter=0.045,
        late_ms={SNARE: 2.0},
        fills="breaks",
        crash=0.55,
        ride=0.4,
        roll=SNARE,
        half_time_bridge=True,
        doubles_below=115.0,
        quickest_ms=MACHINE_MS,
    ),
    "synthwave": Feel(
        kit="kit_electro",
        jitter_ms=3.0,
        kick_jitter=0.4,
        velocity_jitter=0.035,
        fills="gated",
        crash=0.55,
        roll=SNARE,
        half_time_bridge=True,
        quickest_ms=MACHINE_MS,
    ),
    "pop": Feel(
        kit="kit_acoustic",
        jitter_ms=4.5,
        kick_jitter=0.6,
        late_ms={SNARE: 3.0},
        fills="band",
        crash=0.55,
        ride=0.35,
        roll=SNARE,
        half_time_bridge=True,
        quickest_ms=50.0,
    ),
    "rock": Feel(
        kit="kit_acoustic",
        jitter_ms=6.0,
        late_ms={SNARE: 4.0, CLOSED_HAT: -1.0},
        fills="band",
        crash=0.5,
        ride=0.55,
        half_time_bridge=True,
    ),
    "funk": Feel(
        kit="kit_acoustic",
        jitter_ms=5.0,
        late_ms={SNARE: 5.0, CLOSED_HAT: -2.0},
        fills="funk",
        crash=0.65,
        ride=0.15,
        halves_above=170.0,
    ),
    "reggae": Feel(
        kit="kit_acoustic",
        jitter_ms=6.0,
        late_ms={SNARE: 8.0, RIM: 10.0, KICK: 6.0, CLOSED_HAT: 2.0},
        fills="reggae",
        crash=0.7,
        halves_above=116.0,
    ),
    "jazz": Feel(
        kit="kit_jazz",
        jitter_ms=8.0,
        velocity_jitter=0.06,
        late_ms={RIDE: -3.0, SNARE: 4.0},
        fills="jazz",
        crash=0.75,
        pulse=RIDE,
    ),
    "folk": Feel(
        kit="kit_acoustic",
        jitter_ms=7.0,
        late_ms={SNARE: 5.0},
        fills="soft",
        crash=0.85,
    ),
    "classical": Feel(
        kit="kit_acoustic",
        jitter_ms=7.0,
        fills="march",
        phrase=8,
        crash=0.8,
        roll=LOW_TOM,
        pulse=LOW_TOM,
    ),
    "cinematic": Feel(
        kit="kit_acoustic",
        jitter_ms=6.0,
        late_ms={LOW_TOM: 4.0},
        fills="skins",
        crash=0.55,
        roll=LOW_TOM,
        pulse=LOW_TOM,
    ),
    "ambient": Feel(
        kit="kit_lofi",
        jitter_ms=7.0,
        fills="soft",
        phrase=8,
        crash=NEVER,
    ),
}
