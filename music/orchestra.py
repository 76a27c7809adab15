"""Who plays: the instruments of each genre by role, those that were asked for first, and none that is not wanted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from music import seeds
from music.instruments import INSTRUMENTS
from music.plan import Note
from music.request import Composition

ROLES = ("bass", "chords", "lead", "pad")
#: By genre and role; the usual choice first.
PLAYERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "lo-fi": {
        "bass": ("finger_bass", "upright_bass", "sub_bass"),
        "chords": ("electric_piano", "piano", "nylon_guitar"),
        "lead": ("vibraphone", "clean_guitar", "pluck", "flute", "piano"),
        "pad": ("warm_pad", "strings"),
    },
    "boom bap": {
        "bass": ("upright_bass", "finger_bass"),
        "chords": ("electric_piano", "piano", "organ"),
        "lead": ("muted_trumpet", "vibraphone", "flute", "piano"),
        "pad": ("strings", "warm_pad"),
    },
    "trap": {
        "bass": ("bass_808",),
        "chords": ("piano", "pluck", "nylon_guitar"),
        "lead": ("bell", "flute", "pluck", "square_lead"),
        "pad": ("dark_pad", "choir", "strings"),
    },
    "house": {
        "bass": ("synth_bass", "finger_bass"),
        "chords": ("stab", "piano", "organ", "electric_piano"),
        "lead": ("pluck", "saw_lead", "square_lead"),
        "pad": ("warm_pad", "strings"),
    },
    "techno": {
        "bass": ("synth_bass", "acid_bass", "sub_bass"),
        "chords": ("stab",),
        "lead": ("square_lead", "pluck", "saw_lead"),
        "pad": ("dark_pad", "glass_pad"),
    },
    "drum and bass": {
        "bass": ("reese_bass", "sub_bass"),
        "chords": ("electric_piano", "stab", "piano"),
        "lead": ("saw_lead", "pluck", "bell", "square_lead"),
        "pad": ("warm_pad", "dark_pad", "strings"),
    },
    "synthwave": {
        "bass": ("synth_bass",),
        "chords": ("supersaw", "pluck"),
        "lead": ("saw_lead", "square_lead"),
        "pad": ("warm_pad", "strings", "glass_pad"),
    },
    "pop": {
        "bass": ("finger_bass", "synth_bass"),
        "chords": ("piano", "clean_guitar", "electric_piano", "steel_guitar"),
        "lead": ("pluck", "saw_lead", "vibraphone", "square_lead"),
        "pad": ("warm_pad", "strings", "choir"),
    },
    "rock": {
        "bass": ("pick_bass", "finger_bass"),
        "chords": ("power_guitar",),
        "lead": ("lead_guitar",),
        "pad": ("organ", "strings"),
    },
    "funk": {
        "bass": ("finger_bass", "pick_bass"),
        "chords": ("clean_guitar", "electric_piano"),
        "lead": ("muted_trumpet", "lead_guitar", "square_lead"),
        "pad": ("brass", "organ"),
    },
    "reggae": {
        "bass": ("finger_bass", "sub_bass"),
        "chords": ("clean_guitar", "piano"),
        "lead": ("muted_trumpet", "lead_guitar", "flute"),
        "pad": ("organ", "brass"),
    },
    "jazz": {
        "bass": ("upright_bass",),
        "chords": ("piano", "clean_guitar", "electric_piano"),
        "lead": ("muted_trumpet", "vibraphone", "flute", "clean_guitar"),
        "pad": ("strings",),
    },
    "folk": {
        "bass": ("upright_bass", "finger_bass"),
        "chords": ("steel_guitar", "nylon_guitar"),
        "lead": ("violin", "flute", "nylon_guitar"),
        "pad": ("strings", "warm_pad"),
    },
    "classical": {
        "bass": ("upright_bass",),
        "chords": ("piano", "harpsichord"),
        "lead": ("violin", "flute", "piano"),
        "pad": ("strings",),
    },
    "cinematic": {
        "bass": ("sub_bass", "upright_bass"),
        "chords": ("piano", "strings"),
        "lead": ("violin", "flute", "brass", "choir"),
        "pad": ("strings", "choir", "brass"),
    },
    "ambient": {
        "bass": ("sub_bass",),
        "chords": ("electric_piano", "piano", "nylon_guitar"),
        "lead": ("bell", "flute", "vibraphone", "pluck"),
        "pad": ("glass_pad", "warm_pad", "choir", "dark_pad"),
    },
}
#: Who plays arpeggios, by genre; a genre that is not named has none.
RUNNERS: Mapping[str, tuple[str, ...]] = {
    "synthwave": ("pluck", "square_lead", "bell"),
    "house": ("pluck", "bell", "square_lead"),
    "techno": ("pluck", "square_lead", "bell"),
    "drum and bass": ("pluck", "bell", "square_lead"),
    "trap": ("pluck", "bell"),
    "pop": ("pluck", "bell", "clean_guitar"),
    "cinematic": ("strings", "piano", "pluck"),
    "ambient": ("pluck", "bell", "vibraphone"),
    "lo-fi": ("bell", "pluck"),
}
#: Who plays a second part of chords, where a genre usually has one.
SUPPORTERS: Mapping[str, tuple[str, ...]] = {
    "reggae": ("organ", "piano"),
    "funk": ("organ", "electric_piano"),
    "house": ("piano", "electric_piano"),
}
#: Who answers the tune, and joins it at the height of the piece.
ANSWERERS: Mapping[str, tuple[str, ...]] = {
    "lo-fi": ("bell", "flute", "pluck"),
    "boom bap": ("vibraphone", "flute", "muted_trumpet"),
    "trap": ("flute", "bell", "pluck"),
    "house": ("saw_lead", "vibraphone", "bell"),
    "drum and bass": ("bell", "pluck"),
    "synthwave": ("square_lead", "bell", "saw_lead"),
    "pop": ("bell", "violin", "vibraphone"),
    "rock": ("lead_guitar", "clean_guitar"),
    "funk": ("brass", "muted_trumpet", "square_lead"),
    "reggae": ("brass", "muted_trumpet", "flute"),
    "jazz": ("vibraphone", "flute", "muted_trumpet"),
    "folk": ("flute", "violin", "nylon_guitar"),
    "classical": ("flute", "violin"),
    "cinematic": ("flute", "brass", "violin"),
}
#: The share of draws that take the usual choice, at usual variation.
USUAL = 0.6
MOST_PLAYERS = 3
#: The share of a part that may be folded back into range; of more the whole part is moved.
MOST_OUTSIDE = 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """The players by role. Of those of chords, lead and pad the first is the one that the genre needs, the others were
    asked for; `runs`, `support` and `answer` are empty where nobody plays them."""

    bass: str
    chords: tuple[str, ...]
    lead: tuple[str, ...]
    pad: tuple[str, ...]
    runs: str
    support: str
    answer: str


def cast(wanted: Composition) -> Cast:
    asked: dict[str, list[str]] = {role: [] for role in ROLES}
    for name in dict.fromkeys(wanted.instruments):
        role = INSTRUMENTS[name].stem
        if role in asked and name not in wanted.avoided:
            asked[role].append(name)
    _let_one_do_all(asked, wanted)
    _move_over(asked)
    chosen = {
        role: tuple(asked[role][:MOST_PLAYERS]) or _drawn(role, PLAYERS[wanted.genre][role], wanted) for role in ROLES
    }
    chords, lead = chosen["chords"], chosen["lead"]
    runs = _extra("runs", RUNNERS, (*chords, *lead), wanted)
    # Two guitars in unison are a sound of their own; elsewhere an answer comes from somebody else.
    taken = (runs,) if wanted.genre == "rock" else (runs, *lead)
    return Cast(
        bass=(chosen["bass"] or PLAYERS[wanted.genre]["bass"])[0],
        chords=chords,
        lead=lead,
        pad=chosen["pad"],
        runs=runs,
        support=_extra("support", SUPPORTERS, chords, wanted) if len(chords) == 1 else "",
        answer=_extra("answer", ANSWERERS, taken, wanted) if len(lead) == 1 else "",
    )


def _let_one_do_all(asked: dict[str, list[str]], wanted: Composition) -> None:
    """An instrument that was asked for alone, without a band, plays tune and chords: a piano piece."""
    alone = len(wanted.instruments) == 1 and not wanted.stems & {"drums", "bass"}
    if alone and asked["chords"] and not asked["lead"]:
        asked["lead"] = list(asked["chords"])


def _move_over(asked: dict[str, list[str]]) -> None:
    """Where several were asked for in a role and nobody in another that they can play, one of them goes there."""
    if len(asked["chords"]) > MOST_PLAYERS - 1 and not asked["lead"]:
        asked["lead"].append(asked["chords"].pop())
    if len(asked["lead"]) > MOST_PLAYERS - 1 and not asked["chords"]:
        asked["chords"].append(asked["lead"].pop())


def _drawn(role: str, usual: Sequence[str], wanted: Composition) -> tuple[str, ...]:
    options = [name for name in usual if name not in wanted.avoided]
    options = options or [name for name, it in INSTRUMENTS.items() if it.stem == role and name not in wanted.avoided]
    return (_choice(role, options, wanted),) if options else ()


def _extra(part: str, usual: Mapping[str, tuple[str, ...]], taken: Sequence[str], wanted: Composition) -> str:
    """A colour that differs from those of the players that are there; none where all are refused."""
    options = [name for name in usual.get(wanted.genre, ()) if name not in wanted.avoided and name not in taken]
    return _choice(part, options, wanted) if options else ""


def _choice(part: str, options: Sequence[str], wanted: Composition) -> str:
    draw = seeds.generator(wanted.seed, "compose", "cast", wanted.genre, part)
    chance, place = float(draw.random()), float(draw.random())
    if len(options) == 1 or wanted.variation < 0.05 or chance < USUAL:
        return options[0]
    return options[1 + int(place * (len(options) - 1))]


def in_range(notes: Iterable[Note], instrument: str) -> tuple[Note, ...]:
    """By octaves: the whole part where much of it does not fit, then what still sticks out."""
    facts = INSTRUMENTS[instrument]
    part = tuple(notes)
    counts = Counter(note.pitch for note in part)
    shift = 0
    if _outside(counts, 0, facts.low, facts.high) > MOST_OUTSIDE * len(part):
        shift = min((0, 12, -12, 24, -24), key=lambda by: (_outside(counts, by, facts.low, facts.high), abs(by)))
    return tuple(_folded(note, shift, facts.low, facts.high) for note in part)


def _outside(counts: Mapping[int, int], shift: int, low: int, high: int) -> int:
    return sum(count for pitch, count in counts.items() if not low <= pitch + shift <= high)


def _folded(note: Note, shift: int, low: int, high: int) -> Note:
    pitch = note.pitch + shift
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    if pitch == note.pitch:
        return note
    return Note(start=note.start, beats=note.beats, pitch=pitch, velocity=note.velocity)


def pitches_in_range(pitches: Sequence[int], instrument: str) -> tuple[int, ...]:
    facts = INSTRUMENTS[instrument]
    return tuple(sorted({pitch + 12 * ((pitch < facts.low) - (pitch > facts.high)) for pitch in pitches}))
