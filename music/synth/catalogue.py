"""Every instrument's sound, how it is played, and how loud it is.

**Reference level**: a note in the middle of an instrument's range, held for a second at velocity 0.8, has an RMS of
-24 dBFS over its loudest 400 ms, in the louder channel. `LEVELS` bring each there; it was measured
(`tests/unit/test_music_synth.py` holds it there). Kits bring their own balance: a kick at velocity 0.8 has
-14 dBFS over its loudest 40 ms, and dust stays far below.
"""

from collections.abc import Callable
from dataclasses import dataclass

from music.instruments import INSTRUMENTS
from music.synth.amplified import AMPLIFIERS, amplified
from music.synth.basses import acid_bass, bass_808, reese_bass, sub_bass, synth_bass
from music.synth.brushes import SWIRL, swirl
from music.synth.drums import LONGEST_SECONDS, drum
from music.synth.effects import DUST_OVERLAP, DUST_SECONDS, impact, reverse_cymbal, riser, sweep_down, vinyl
from music.synth.ensembles import ENSEMBLES, ensemble
from music.synth.keys import bell, electric_piano, organ, piano, vibraphone
from music.synth.kits import KITS
from music.synth.leads import flute, muted_trumpet, saw_lead, square_lead, violin
from music.synth.percussion import struck
from music.synth.plucked import plucked
from music.synth.signals import Audio, Stroke
from music.synth.singing import voice_aah, voice_ooh

REFERENCE_DBFS = -24.0
#: How loud follows how hard: twice as hard is 9 dB.
TOUCH_EXPONENT = 1.5
USUAL_VELOCITY = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    make: Callable[[Stroke], Audio]
    #: Seconds that it sounds on when the key is let go.
    release: float = 0.0
    #: `make` gives the whole sound of a free string; letting go damps it.
    rings: bool = False
    #: Sounds to its end whatever the length of the note, as drums do.
    free: bool = False
    #: However long the note, no longer than this.
    longest: float = 30.0
    #: One note at a time: the next one ends it.
    mono: bool = False
    #: Notes that begin together are one sound.
    chordal: bool = False
    #: Notes that begin together follow one another by so many seconds, from the lowest.
    strum: float = 0.0
    #: How far to the side notes lie, two octaves from the middle.
    spread: float = 0.0
    #: Worth remembering: what is large and quickly made again would only push out the rest.
    kept: bool = True
    #: Variations of one stroke.
    takes: int = 2
    #: A note slides from the one before if at most so many seconds lie between them; negative if they have to overlap.
    #: None for never.
    slurs: float | None = None
    #: Longer notes are put together from overlapping stretches of this length; 0 for never.
    stretch: float = 0.0


def gain(instrument: str, velocity: float) -> float:
    return float(10.0 ** (LEVELS.get(instrument, 0.0) / 20.0) * (velocity / USUAL_VELOCITY) ** TOUCH_EXPONENT)


def _string(release: float, *, strum: float = 0.0, spread: float = 0.0, mono: bool = False) -> Voice:
    return Voice(make=plucked, release=release, rings=True, longest=10.0, strum=strum, spread=spread, mono=mono)


def _held(make: Callable[[Stroke], Audio], release: float, *, mono: bool = False, slurs: float | None = None) -> Voice:
    return Voice(make=make, release=release, mono=mono, slurs=slurs)


def _ensemble(name: str) -> Voice:
    return Voice(make=ensemble, release=ENSEMBLES[name].envelope.release, spread=0.15, kept=False)


_KIT = Voice(make=drum, rings=True, free=True, longest=LONGEST_SECONDS, takes=3)
#: Of a choked hi-hat.
CHOKE_SECONDS = 0.03

VOICES: dict[str, Voice] = {
    **dict.fromkeys(KITS, _KIT),
    "brush_swirl": Voice(make=swirl, release=SWIRL.release, takes=4),
    "percussion": Voice(make=struck, rings=True, free=True, longest=LONGEST_SECONDS, takes=3),
    "sub_bass": _held(sub_bass, 0.07, mono=True),
    "finger_bass": _string(0.10, mono=True),
    "pick_bass": _string(0.08, mono=True),
    "upright_bass": _string(0.12, mono=True),
    "synth_bass": _held(synth_bass, 0.06, mono=True),
    "reese_bass": _held(reese_bass, 0.10, mono=True),
    "acid_bass": _held(acid_bass, 0.05, mono=True),
    "bass_808": _held(bass_808, 0.09, mono=True, slurs=-0.1),
    "piano": Voice(make=piano, release=0.22, rings=True, longest=14.0, spread=0.35, takes=1),
    "electric_piano": Voice(make=electric_piano, release=0.20, rings=True, longest=10.0, spread=0.2, takes=1),
    "organ": Voice(make=organ, release=0.06, spread=0.1, takes=1),
    "harpsichord": _string(0.14, spread=0.3),
    "nylon_guitar": _string(0.22, strum=0.009, spread=0.2),
    "steel_guitar": _string(0.25, strum=0.008, spread=0.2),
    "clean_guitar": _string(0.16, strum=0.006, spread=0.2),
    "power_guitar": Voice(make=amplified, release=AMPLIFIERS["power_guitar"].envelope.release, chordal=True),
    "lead_guitar": Voice(make=amplified, release=AMPLIFIERS["lead_guitar"].envelope.release),
    "stab": _ensemble("stab"),
    "supersaw": _ensemble("supersaw"),
    "pluck": _string(0.35, spread=0.4),
    "bell": Voice(make=bell, release=0.9, rings=True, longest=7.0, spread=0.3, takes=1),
    "vibraphone": Voice(make=vibraphone, release=0.35, rings=True, longest=9.0, spread=0.4, takes=1),
    "square_lead": _held(square_lead, 0.10, slurs=0.02),
    "saw_lead": _held(saw_lead, 0.14, slurs=0.02),
    "flute": _held(flute, 0.10),
    "muted_trumpet": _held(muted_trumpet, 0.07),
    "violin": _held(violin, 0.16),
    **{name: _ensemble(name) for name in ("strings", "warm_pad", "glass_pad", "dark_pad", "choir", "brass")},
    "voice_ooh": Voice(make=voice_ooh, release=0.22, takes=3, slurs=0.03),
    "voice_aah": Voice(make=voice_aah, release=0.22, takes=3, slurs=0.03),
    "riser": Voice(make=riser, release=0.035, kept=False),
    "sweep_down": Voice(make=sweep_down, release=0.035, kept=False),
    "impact": Voice(make=impact, rings=True, free=True, longest=3.3),
    "reverse_cymbal": Voice(make=reverse_cymbal, release=0.03),
    "vinyl": Voice(make=vinyl, release=DUST_OVERLAP, rings=True, stretch=DUST_SECONDS, takes=4),
}
#: Decibels.
LEVELS = {
    "brush_swirl": -28.5,
    "sub_bass": -21.2,
    "finger_bass": -25.4,
    "pick_bass": -25.3,
    "upright_bass": -24.9,
    "synth_bass": -22.9,
    "reese_bass": -25.4,
    "acid_bass": -16.5,
    "bass_808": -22.1,
    "piano": -24.7,
    "electric_piano": -17.9,
    "organ": -25.5,
    "harpsichord": -24.1,
    "nylon_guitar": -24.1,
    "steel_guitar": -24.6,
    "clean_guitar": -24.8,
    "power_guitar": -24.3,
    "stab": -19.6,
    "supersaw": -27.5,
    "pluck": -22.7,
    "bell": -16.2,
    "vibraphone": -21.5,
    "square_lead": -24.5,
    "saw_lead": -24.5,
    "flute": -24.5,
    "muted_trumpet": -23.6,
    "violin": -24.1,
    "lead_guitar": -24.3,
    "strings": -27.1,
    "warm_pad": -27.7,
    "glass_pad": -28.3,
    "dark_pad": -28.0,
    "choir": -27.6,
    "brass": -25.3,
    "voice_ooh": -24.8,
    "voice_aah": -24.4,
    "riser": -21.0,
    "sweep_down": -22.0,
    "impact": -14.0,
    "reverse_cymbal": -17.0,
    "vinyl": -20.5,
}
if missing := set(INSTRUMENTS) ^ set(VOICES):
    raise LookupError(f"Instruments without a voice, or voices without an instrument: {sorted(missing)}")
