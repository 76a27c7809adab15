"""What can be played: every instrument by name, with its range and the stem that it usually plays in. Composers choose
from these, `music.synth` gives each its sound, and `music.output.midi` its program."""

from dataclasses import dataclass

#: Pieces of a kit and of the percussion, as General MIDI numbers them.
KICK, RIM, SNARE, CLAP = 36, 37, 38, 39
#: As in the brush kit of General MIDI 2.
BRUSH_SWIRL = 40
CLOSED_HAT, PEDAL_HAT, OPEN_HAT = 42, 44, 46
LOW_TOM, MID_TOM, HIGH_TOM = 45, 47, 50
CRASH, RIDE, RIDE_BELL = 49, 51, 53
TAMBOURINE, COWBELL, SHAKER, CLAVES, TRIANGLE = 54, 56, 70, 75, 81
HIGH_BONGO, LOW_BONGO, MUTE_CONGA, HIGH_CONGA, LOW_CONGA = 60, 61, 62, 63, 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Instrument:
    stem: str
    #: The pitches at which it sounds like itself. Kits and effects are not pitched.
    low: int = 0
    high: int = 127
    #: General MIDI, counted from 0. On the drum channel it is a kit; 0 is the usual one.
    program: int = 0
    #: Notes die away by themselves, however long they are held.
    decays: bool = False


INSTRUMENTS = {
    "kit_acoustic": Instrument(stem="drums", decays=True),
    "kit_jazz": Instrument(stem="drums", decays=True),
    "kit_lofi": Instrument(stem="drums", decays=True),
    "kit_808": Instrument(stem="drums", decays=True),
    "kit_909": Instrument(stem="drums", decays=True),
    "kit_electro": Instrument(stem="drums", decays=True),
    "brush_swirl": Instrument(stem="drums", program=40),
    "percussion": Instrument(stem="percussion", decays=True),
    "sub_bass": Instrument(stem="bass", low=24, high=50, program=38),
    "finger_bass": Instrument(stem="bass", low=28, high=55, program=33, decays=True),
    "pick_bass": Instrument(stem="bass", low=28, high=55, program=34, decays=True),
    "upright_bass": Instrument(stem="bass", low=28, high=55, program=32, decays=True),
    "synth_bass": Instrument(stem="bass", low=28, high=55, program=38),
    "reese_bass": Instrument(stem="bass", low=26, high=50, program=39),
    "acid_bass": Instrument(stem="bass", low=28, high=60, program=38),
    "bass_808": Instrument(stem="bass", low=24, high=50, program=39, decays=True),
    "piano": Instrument(stem="chords", low=28, high=100, program=0, decays=True),
    "electric_piano": Instrument(stem="chords", low=36, high=96, program=4, decays=True),
    "organ": Instrument(stem="chords", low=36, high=96, program=16),
    "harpsichord": Instrument(stem="chords", low=36, high=89, program=6, decays=True),
    "nylon_guitar": Instrument(stem="chords", low=40, high=84, program=24, decays=True),
    "steel_guitar": Instrument(stem="chords", low=40, high=84, program=25, decays=True),
    "clean_guitar": Instrument(stem="chords", low=40, high=86, program=27, decays=True),
    "power_guitar": Instrument(stem="chords", low=38, high=76, program=30),
    "stab": Instrument(stem="chords", low=40, high=90, program=81, decays=True),
    "supersaw": Instrument(stem="chords", low=40, high=96, program=81),
    "pluck": Instrument(stem="lead", low=45, high=100, program=45, decays=True),
    "bell": Instrument(stem="lead", low=55, high=108, program=14, decays=True),
    "vibraphone": Instrument(stem="lead", low=53, high=89, program=11, decays=True),
    "square_lead": Instrument(stem="lead", low=45, high=100, program=80),
    "saw_lead": Instrument(stem="lead", low=45, high=100, program=81),
    "flute": Instrument(stem="lead", low=60, high=96, program=73),
    "muted_trumpet": Instrument(stem="lead", low=55, high=84, program=59),
    "violin": Instrument(stem="lead", low=55, high=96, program=40),
    "lead_guitar": Instrument(stem="lead", low=45, high=90, program=29),
    "strings": Instrument(stem="pad", low=36, high=96, program=48),
    "warm_pad": Instrument(stem="pad", low=36, high=96, program=89),
    "glass_pad": Instrument(stem="pad", low=48, high=100, program=88),
    "dark_pad": Instrument(stem="pad", low=30, high=84, program=95),
    "choir": Instrument(stem="pad", low=43, high=84, program=52),
    "brass": Instrument(stem="pad", low=36, high=84, program=61),
    "voice_ooh": Instrument(stem="voice", low=50, high=84, program=53),
    "voice_aah": Instrument(stem="voice", low=50, high=84, program=52),
    "riser": Instrument(stem="fx", program=97),
    "sweep_down": Instrument(stem="fx", program=97),
    "impact": Instrument(stem="fx", program=127, decays=True),
    "reverse_cymbal": Instrument(stem="fx", program=119),
    "vinyl": Instrument(stem="fx", program=122),
}
