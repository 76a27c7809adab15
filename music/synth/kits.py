"""What each kit is made of: numbers only. `drums` and `cymbals` make them sound."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Kick:
    hertz: float
    #: How many times higher it begins, and how fast it falls (seconds).
    sweep: float
    sweep_seconds: float
    #: Per second.
    decay: float
    #: The beater: level, and up to where it reaches.
    click: float
    click_hz: float
    drive: float = 1.0
    #: Of the shell and the room behind it.
    air: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Snare:
    hertz: tuple[float, ...]
    levels: tuple[float, ...]
    tone_decay: float
    #: Of the wires, from where to where, and two paces at which they die.
    noise: float
    low: float
    high: float
    decay: float
    slow_decay: float
    #: How far the skin is stretched by the stroke.
    bend: float = 0.15
    attack: float = 0.0008
    drive: float = 0.0
    #: Of a brush: how far apart in time its wires land.
    bristles: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Hats:
    #: Metal: the lowest of its partials, and how much of it there is beside the noise.
    hertz: float
    metal: float
    low: float
    high: float
    closed_decay: float
    open_decay: float
    pedal_decay: float
    attack: float = 0.0006


@dataclass(frozen=True, kw_only=True, slots=True)
class Cymbals:
    low: float
    high: float
    crash_decay: float
    ride_decay: float
    #: Of the tip of the stick on the ride.
    ping: float
    metal: float
    bright: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Toms:
    hertz: tuple[float, float, float]
    decay: float
    bend: float
    click: float
    skin: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Clap:
    low: float
    high: float
    spacing: float
    tail_decay: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Kit:
    kick: Kick
    snare: Snare
    hats: Hats
    cymbals: Cymbals
    toms: Toms
    clap: Clap
    #: Of the stick across the rim.
    rim_hertz: tuple[float, ...]
    rim_decay: float
    #: The tape it was taken from: nothing above this, and how hard it was driven. 0 for none.
    tape_hz: float = 0.0
    tape_drive: float = 0.0


_ACOUSTIC_CYMBALS = Cymbals(low=450.0, high=14_000.0, crash_decay=1.9, ride_decay=1.5, ping=0.9, metal=0.5)

KITS = {
    "kit_acoustic": Kit(
        kick=Kick(hertz=58, sweep=1.9, sweep_seconds=0.018, decay=11, click=0.40, click_hz=4200, drive=1.3, air=0.10),
        snare=Snare(
            hertz=(186, 300, 395, 442, 520, 630),
            levels=(1.0, 0.55, 0.35, 0.3, 0.22, 0.15),
            tone_decay=20,
            noise=0.75,
            low=1300,
            high=9500,
            decay=24,
            slow_decay=11,
        ),
        hats=Hats(hertz=415, metal=0.45, low=4800, high=14_000, closed_decay=38, open_decay=4.5, pedal_decay=55),
        cymbals=_ACOUSTIC_CYMBALS,
        toms=Toms(hertz=(88, 122, 165), decay=7.5, bend=0.22, click=0.14, skin=0.10),
        clap=Clap(low=750, high=4200, spacing=0.011, tail_decay=19),
        rim_hertz=(520, 1130, 1720, 2850),
        rim_decay=65,
    ),
    "kit_jazz": Kit(
        kick=Kick(hertz=72, sweep=1.35, sweep_seconds=0.025, decay=8.5, click=0.12, click_hz=1800, air=0.16),
        snare=Snare(
            hertz=(212, 335, 460, 545),
            levels=(0.5, 0.3, 0.2, 0.12),
            tone_decay=26,
            noise=1.0,
            low=1700,
            high=7800,
            decay=13,
            slow_decay=8,
            bend=0.05,
            attack=0.004,
            bristles=0.016,
        ),
        hats=Hats(
            hertz=380, metal=0.55, low=3600, high=11_500, closed_decay=30, open_decay=3.6, pedal_decay=42, attack=0.0012
        ),
        cymbals=Cymbals(low=320.0, high=10_500.0, crash_decay=1.5, ride_decay=1.0, ping=1.1, metal=0.75, bright=0.7),
        toms=Toms(hertz=(98, 138, 190), decay=5.5, bend=0.12, click=0.08, skin=0.08),
        clap=Clap(low=700, high=3600, spacing=0.012, tail_decay=22),
        rim_hertz=(470, 980, 1540, 2500),
        rim_decay=55,
    ),
    "kit_lofi": Kit(
        kick=Kick(hertz=55, sweep=2.1, sweep_seconds=0.022, decay=9.5, click=0.18, click_hz=2200, drive=2.0, air=0.18),
        snare=Snare(
            hertz=(172, 262, 350),
            levels=(1.0, 0.5, 0.3),
            tone_decay=22,
            noise=0.85,
            low=900,
            high=5200,
            decay=22,
            slow_decay=12,
            drive=1.2,
        ),
        hats=Hats(hertz=360, metal=0.3, low=3800, high=8200, closed_decay=44, open_decay=7, pedal_decay=60),
        cymbals=Cymbals(low=420.0, high=7000.0, crash_decay=2.4, ride_decay=2.2, ping=0.7, metal=0.45, bright=0.6),
        toms=Toms(hertz=(82, 112, 150), decay=8.5, bend=0.22, click=0.12, skin=0.14),
        clap=Clap(low=650, high=3400, spacing=0.012, tail_decay=17),
        rim_hertz=(430, 900, 1480),
        rim_decay=50,
        tape_hz=6500.0,
        tape_drive=1.6,
    ),
    "kit_808": Kit(
        kick=Kick(hertz=48, sweep=2.4, sweep_seconds=0.012, decay=3.6, click=0.10, click_hz=2600, drive=1.4),
        snare=Snare(
            hertz=(178, 331),
            levels=(1.0, 0.6),
            tone_decay=17,
            noise=0.75,
            low=2200,
            high=11_000,
            decay=18,
            slow_decay=16,
            bend=0.02,
        ),
        hats=Hats(hertz=540, metal=1.2, low=6500, high=16_000, closed_decay=55, open_decay=6, pedal_decay=70),
        cymbals=Cymbals(low=2600.0, high=15_000.0, crash_decay=2.6, ride_decay=2.4, ping=0.4, metal=1.3, bright=1.1),
        toms=Toms(hertz=(84, 122, 168), decay=6.0, bend=0.45, click=0.03, skin=0.03),
        clap=Clap(low=820, high=2600, spacing=0.010, tail_decay=11),
        rim_hertz=(455, 1667),
        rim_decay=120,
    ),
    "kit_909": Kit(
        kick=Kick(hertz=51, sweep=4.2, sweep_seconds=0.021, decay=7.0, click=0.35, click_hz=5200, drive=2.2),
        snare=Snare(
            hertz=(190, 286),
            levels=(1.0, 0.7),
            tone_decay=19,
            noise=0.95,
            low=1000,
            high=10_500,
            decay=16,
            slow_decay=9,
            bend=0.5,
        ),
        hats=Hats(hertz=470, metal=1.3, low=7200, high=16_500, closed_decay=32, open_decay=5.0, pedal_decay=52),
        cymbals=Cymbals(low=1100.0, high=15_000.0, crash_decay=2.2, ride_decay=1.9, ping=0.7, metal=0.8, bright=1.15),
        toms=Toms(hertz=(92, 132, 182), decay=6.5, bend=0.7, click=0.10, skin=0.06),
        clap=Clap(low=900, high=5200, spacing=0.0105, tail_decay=14),
        rim_hertz=(520, 1250, 1930),
        rim_decay=85,
    ),
    "kit_electro": Kit(
        kick=Kick(hertz=54, sweep=6.5, sweep_seconds=0.014, decay=9.5, click=0.45, click_hz=7000, drive=3.2),
        snare=Snare(
            hertz=(205, 410, 617),
            levels=(1.0, 0.4, 0.2),
            tone_decay=15,
            noise=1.15,
            low=1100,
            high=13_000,
            decay=12,
            slow_decay=10,
            bend=0.8,
            drive=1.6,
        ),
        hats=Hats(hertz=620, metal=0.8, low=7500, high=17_000, closed_decay=65, open_decay=7.5, pedal_decay=80),
        cymbals=Cymbals(low=1900.0, high=16_000.0, crash_decay=2.4, ride_decay=2.6, ping=0.6, metal=1.0, bright=1.2),
        toms=Toms(hertz=(96, 140, 205), decay=6.0, bend=1.0, click=0.12, skin=0.05),
        clap=Clap(low=1000, high=6500, spacing=0.0085, tail_decay=16),
        rim_hertz=(640, 1500, 2900),
        rim_decay=110,
    ),
}
