"""Words for what plays: instruments and whole stems. A generic word names every instrument that it may mean, so that
`no guitar` leaves none; which of them is asked for is the genre's choice."""

from dataclasses import dataclass

DRUMS = ("drums", "percussion")
GUITARS = ("nylon_guitar", "steel_guitar", "clean_guitar", "power_guitar", "lead_guitar")
SYNTHS = ("saw_lead", "square_lead", "supersaw", "pluck", "stab", "warm_pad", "glass_pad", "dark_pad", "synth_bass")
KITS = ("kit_acoustic", "kit_jazz", "kit_lofi", "kit_808", "kit_909", "kit_electro")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    #: Separated by bars; plurals need no mention.
    words: str
    instruments: tuple[str, ...] = ()
    #: Asked for by the word.
    stems: tuple[str, ...] = ()
    #: Silenced by the word's denial, which avoids its instruments too.
    silences: tuple[str, ...] = ()
    #: Nothing sounds like it; this is the nearest that there is.
    stand_in: bool = False
    #: The genre that it suggests where no word names one, and how strongly.
    genre: str = ""
    weight: float = 0.0


SOUNDS = (
    # Whole stems.
    Sound(words="drum|drum kit|drumming|drum machine|beat|kick|snare|hi hat", stems=DRUMS, silences=DRUMS),
    # Who wants no percussion wants no drums either.
    Sound(words="percussion|hand percussion", stems=("percussion",), silences=DRUMS, instruments=("percussion",)),
    Sound(
        words="hand drum|bongo|conga|shaker|tambourine|cowbell",
        stems=("percussion",),
        silences=("percussion",),
        instruments=("percussion",),
    ),
    Sound(words="bass|bassline|bass line|low end", stems=("bass",), silences=("bass",)),
    Sound(words="chord|harmony|keys|keyboard", stems=("chords",), silences=("chords",)),
    Sound(words="lead|melody|melodies|tune|topline|top line|solo line", stems=("lead",), silences=("lead",)),
    Sound(words="pad|synth pad", stems=("pad",), silences=("pad",)),
    Sound(words="fx|effect|sound effect|transition", stems=("fx",), silences=("fx",)),
    Sound(
        words="voice|vocal|lead vocal|male vocal|female vocal|backing vocal|vocalist|singer|singing|sung|sings|sing|"
        "male voice|female voice|human voice|lyric|lyrics|vocal chops|oohs and aahs",
        stems=("voice",),
        silences=("voice",),
    ),
    Sound(words="humming|ooh|oohs|soft vocal|wordless vocal", stems=("voice",), instruments=("voice_ooh",)),
    Sound(words="aah|aahs|ah vocal", stems=("voice",), instruments=("voice_aah",)),
    Sound(
        words="choir|choral|gospel choir|choirs",
        stems=("voice",),
        instruments=("choir",),
        genre="cinematic",
        weight=0.3,
    ),
    # Kits.
    Sound(words="acoustic drum|live drum|real drum", instruments=("kit_acoustic",), stems=("drums",)),
    Sound(
        words="brushes|brush|brushed drum|brushed snare|jazz drum",
        instruments=("kit_jazz",),
        stems=("drums",),
        genre="jazz",
        weight=0.5,
    ),
    Sound(
        words="lofi drum|lo fi drum|dusty drum", instruments=("kit_lofi",), stems=("drums",), genre="lo-fi", weight=0.6
    ),
    Sound(words="808 drum|tr 808|808 kit", instruments=("kit_808",), stems=("drums",), genre="trap", weight=0.5),
    Sound(
        words="909|tr 909|909 drum|909 kit|four on the floor",
        instruments=("kit_909",),
        stems=("drums",),
        genre="house",
        weight=0.5,
    ),
    Sound(
        words="electronic drum|electro drum|gated drum|synth drum",
        instruments=("kit_electro",),
        stems=("drums",),
        genre="synthwave",
        weight=0.4,
    ),
    Sound(
        words="breakbeat drum|amen", instruments=("kit_acoustic",), stems=("drums",), genre="drum and bass", weight=0.5
    ),
    # Basses.
    Sound(words="808|808 bass|bass 808", instruments=("bass_808",), genre="trap", weight=0.5),
    Sound(words="sub|sub bass|subbass", instruments=("sub_bass",)),
    Sound(words="electric bass|bass guitar|finger bass|fingered bass|slap bass", instruments=("finger_bass",)),
    Sound(words="pick bass|picked bass", instruments=("pick_bass",), genre="rock", weight=0.4),
    Sound(
        words="upright bass|double bass|contrabass|acoustic bass|walking bass",
        instruments=("upright_bass",),
        genre="jazz",
        weight=0.5,
    ),
    Sound(
        words="synth bass|moog bass|analog bass|analogue bass",
        instruments=("synth_bass",),
        genre="synthwave",
        weight=0.3,
    ),
    Sound(
        words="reese|reese bass|wobble bass|growl bass", instruments=("reese_bass",), genre="drum and bass", weight=0.6
    ),
    Sound(words="acid bass|303|tb 303|acid line", instruments=("acid_bass",), genre="techno", weight=0.6),
    # Keys.
    Sound(words="piano|grand piano|upright piano|felt piano", instruments=("piano",), genre="classical", weight=0.25),
    Sound(
        words="electric piano|rhodes|wurlitzer|wurli|e piano",
        instruments=("electric_piano",),
        genre="lo-fi",
        weight=0.3,
    ),
    Sound(words="organ|hammond|church organ|pipe organ", instruments=("organ",)),
    Sound(
        words="accordion|harmonica|harmonium|bandoneon", instruments=("organ",), stand_in=True, genre="folk", weight=0.3
    ),
    Sound(words="harpsichord|clavichord", instruments=("harpsichord",), genre="classical", weight=0.6),
    Sound(words="clavinet|clav", instruments=("harpsichord",), stand_in=True, genre="funk", weight=0.5),
    # Strings that are plucked.
    Sound(words="guitar", instruments=GUITARS),
    Sound(words="nylon guitar|classical guitar|spanish guitar", instruments=("nylon_guitar",)),
    Sound(
        words="acoustic guitar|steel guitar|steel string guitar|fingerpicked guitar|strummed guitar",
        instruments=("steel_guitar", "nylon_guitar"),
        genre="folk",
        weight=0.45,
    ),
    Sound(words="clean guitar|rhythm guitar|jazz guitar|funk guitar|wah guitar", instruments=("clean_guitar",)),
    Sound(
        words="electric guitar", instruments=("clean_guitar", "power_guitar", "lead_guitar"), genre="rock", weight=0.4
    ),
    Sound(
        words="distorted guitar|power guitar|power chord|heavy guitar|overdriven guitar",
        instruments=("power_guitar",),
        genre="rock",
        weight=0.55,
    ),
    Sound(words="lead guitar|guitar solo", instruments=("lead_guitar",), genre="rock", weight=0.45),
    Sound(
        words="banjo|mandolin|ukulele|bouzouki", instruments=("steel_guitar",), stand_in=True, genre="folk", weight=0.5
    ),
    Sound(words="harp|lute|kora|koto|sitar|zither", instruments=("nylon_guitar",), stand_in=True),
    Sound(words="kalimba|pizzicato|plucked string", instruments=("pluck",), stand_in=True),
    # Leads.
    Sound(words="pluck|plucked synth|plucks", instruments=("pluck",)),
    Sound(words="bell|glockenspiel|music box|celesta|chime", instruments=("bell",)),
    Sound(words="vibraphone|vibes solo|vibraphones", instruments=("vibraphone",), genre="jazz", weight=0.4),
    Sound(
        words="marimba|xylophone|steel drum|steelpan",
        instruments=("vibraphone",),
        stand_in=True,
        genre="reggae",
        weight=0.25,
    ),
    Sound(words="synth|synthesizer|synthesiser", instruments=SYNTHS, genre="synthwave", weight=0.25),
    Sound(words="synth lead|saw lead|sawtooth", instruments=("saw_lead", "square_lead")),
    Sound(words="square lead|chip lead|square wave", instruments=("square_lead",)),
    Sound(
        words="theremin|whistle|ocarina|recorder|pan flute|panpipe|clarinet|oboe", instruments=("flute",), stand_in=True
    ),
    Sound(words="flute|flutes|woodwind", instruments=("flute",)),
    Sound(words="trumpet|muted trumpet|horn solo", instruments=("muted_trumpet",), genre="jazz", weight=0.35),
    Sound(words="sax|saxophone|trombone", instruments=("muted_trumpet",), stand_in=True, genre="jazz", weight=0.45),
    Sound(words="violin|solo violin|viola|violin solo", instruments=("violin",), genre="classical", weight=0.3),
    Sound(words="fiddle", instruments=("violin",), genre="folk", weight=0.5),
    Sound(words="cello|erhu", instruments=("violin",), stand_in=True, genre="classical", weight=0.3),
    # Chords and pads of synthesizers and sections.
    Sound(words="stab|house piano|chord stab", instruments=("stab",), genre="house", weight=0.4),
    Sound(words="supersaw|super saw|trance lead", instruments=("supersaw",), genre="techno", weight=0.35),
    Sound(
        words="string|string section|string ensemble|violins|cellos",
        instruments=("strings",),
        genre="cinematic",
        weight=0.3,
    ),
    Sound(words="warm pad|analog pad|analogue pad|soft pad|lush pad", instruments=("warm_pad",)),
    Sound(words="glass pad|airy pad|shimmer pad|shimmer", instruments=("glass_pad",)),
    Sound(words="dark pad|drone pad", instruments=("dark_pad",)),
    Sound(words="brass|horn|horns|french horn|brass section|horn section|tuba", instruments=("brass",)),
    # Effects.
    Sound(words="riser|uplifter|build up", instruments=("riser",), stems=("fx",)),
    Sound(words="downlifter|sweep", instruments=("sweep_down",), stems=("fx",)),
    Sound(words="impact|boom hit", instruments=("impact",), stems=("fx",)),
    Sound(words="reverse cymbal|reversed cymbal", instruments=("reverse_cymbal",), stems=("fx",)),
    Sound(
        words="vinyl|vinyl crackle|crackle|vinyl noise|tape hiss",
        instruments=("vinyl",),
        stems=("fx",),
        genre="lo-fi",
        weight=0.5,
    ),
)

#: Which of a generic word's instruments a genre means; elsewhere the word's first.
PREFERRED = {
    "rock": ("power_guitar", "lead_guitar"),
    "folk": ("steel_guitar",),
    "pop": ("steel_guitar", "supersaw"),
    "funk": ("clean_guitar", "synth_bass"),
    "reggae": ("clean_guitar",),
    "jazz": ("clean_guitar",),
    "lo-fi": ("nylon_guitar", "warm_pad"),
    "synthwave": ("lead_guitar", "saw_lead"),
    "house": ("stab",),
    "techno": ("saw_lead",),
    "ambient": ("nylon_guitar", "glass_pad"),
    "cinematic": ("nylon_guitar", "warm_pad"),
    "trap": ("pluck",),
    "drum and bass": ("saw_lead",),
}
