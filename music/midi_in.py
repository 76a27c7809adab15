"""Reads a tune that somebody brings: a MIDI file, or ABC text. What comes out is one voice, in beats of the meter.

Of several voices that one is the tune which lies highest and has something to say; where it has chords, their top note.
"""

import base64
import binascii
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import mido

from music.errors import RequestError
from music.plan import LONGEST_BEATS, MOST_NOTES, Note
from music.theory import ACCIDENTALS, LETTERS, MODES, Key, Meter

DRUM_CHANNEL = 9
#: A voice of fewer notes is taken for the tune only if there is no other.
FEWEST = 4
USUAL_VELOCITY = 0.8
#: A note that shares less than this with the next one is cut where the next begins.
SHORTEST = 0.01

ABC_TOKEN = re.compile(
    r"""(?P<inline>\[[A-Za-z]:[^\]]*\])
      | (?P<ending>\[[0-9]|(?<=\|)[0-9])
      | (?P<bar>:?\|[|\]:]?|::|\[\|)
      | (?P<chord>\[[^\]|:]*\])(?P<chordlength>[0-9]*/*[0-9]*)
      | (?P<note>(?P<accidental>\^{1,2}|_{1,2}|=)?(?P<letter>[A-Ga-gzx])(?P<octave>[',]*)(?P<length>[0-9]*/*[0-9]*))
      | \((?P<tuplet>[2-9])
      | (?P<broken>[<>]+)
      | (?P<tie>-)
      | (?P<skip>"[^"]*"|![^!\n]*!|\{[^}]*\}|.)""",
    re.VERBOSE | re.DOTALL,
)
ABC_FIELD = re.compile(r"^\s*([A-Za-z]):\s*(.*?)\s*(?:%.*)?$")
ABC_KEY = re.compile(r"([A-Ga-g])([#b]?)\s*([A-Za-z]*)")
#: How many fifths a mode's signature lies from the major one on the same tonic.
ABC_MODES = {
    "": 0,
    "maj": 0,
    "ion": 0,
    "m": -3,
    "min": -3,
    "aeo": -3,
    "mix": -1,
    "dor": -2,
    "phr": -4,
    "lyd": 1,
    "loc": -5,
}
SHARP_ORDER, FLAT_ORDER = "fcgdaeb", "beadgcf"
FIFTHS = {"f": -1, "c": 0, "g": 1, "d": 2, "a": 3, "e": 4, "b": 5}
#: Krumhansl's profiles: how well each step above the tonic fits the key.
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
OUTSIDE = 3.0


def read(source: str, meter: Meter) -> tuple[Note, ...]:
    """ABC text, or a MIDI file in base64; raises RequestError where it is neither or holds no notes."""
    if re.search(r"^\s*K:", source, re.MULTILINE):
        return from_abc(source, meter)
    try:
        packed = base64.b64decode(re.sub(r"\s+", "", source.split("base64,", 1)[-1]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError("melody", "is neither ABC text with a K: line nor a MIDI file in base64.") from error
    return from_midi(packed, meter)


def from_midi(file: bytes, meter: Meter) -> tuple[Note, ...]:
    try:
        midi = mido.MidiFile(file=io.BytesIO(file), clip=True)
        per_beat = _quarters_per_beat(meter) * max(midi.ticks_per_beat, 1)
        voices: list[list[Note]] = [voice for track in midi.tracks for voice in _voices(track, per_beat)]
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        raise RequestError(
            "melody", f"is not a MIDI file that can be read ({error or 'it ends too early'})."
        ) from error
    if not voices:
        raise RequestError("melody", "holds no notes. Send a MIDI file with a tune that is not on the drum channel.")
    tune = max(voices, key=_prominence)
    return _checked(_skyline(tune))


def _voices(track: Iterable[mido.Message], per_beat: float) -> Iterator[list[Note]]:
    """The notes of each channel of a track."""
    voices: dict[int, list[Note]] = {}
    sounding: dict[tuple[int, int], tuple[float, int]] = {}
    ticks = 0
    for message in track:
        ticks += message.time
        if message.type not in {"note_on", "note_off"} or message.channel == DRUM_CHANNEL:
            continue
        begun = sounding.pop((message.channel, message.note), None)
        if begun is not None:
            start, velocity = begun
            beats = max(ticks / per_beat - start, SHORTEST)
            note = Note(
                start=round(start, 6), beats=round(beats, 6), pitch=message.note, velocity=round(velocity / 127, 3)
            )
            voices.setdefault(message.channel, []).append(note)
        if message.type == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note] = (ticks / per_beat, message.velocity)
    yield from voices.values()


def _prominence(voice: list[Note]) -> tuple[bool, float]:
    return len(voice) >= FEWEST, sum(note.pitch for note in voice) / len(voice)


def _skyline(notes: Sequence[Note]) -> list[Note]:
    """Of what begins together the highest; each note ends where the next begins."""
    ordered = sorted(notes, key=lambda note: (note.start, -note.pitch))
    tops = [note for i, note in enumerate(ordered) if i == 0 or note.start - ordered[i - 1].start > SHORTEST]
    return [
        replace(note, beats=round(min(note.beats, after.start - note.start), 6)) if after else note
        for note, after in zip(tops, [*tops[1:], None], strict=True)
    ]


def _quarters_per_beat(meter: Meter) -> float:
    return 1.5 if meter.divisions == 3 else 1.0


def _checked(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Within what a plan can hold."""
    if not notes:
        raise RequestError("melody", "holds no notes.")
    if len(notes) > MOST_NOTES:
        raise RequestError("melody", f"must have at most {MOST_NOTES} notes, got {len(notes)}.")
    if notes[-1].start + notes[-1].beats > LONGEST_BEATS:
        raise RequestError("melody", f"must end within {LONGEST_BEATS:g} beats.")
    return tuple(notes)


@dataclass
class _Abc:
    """Where the reader of an ABC text is. Times are in whole notes."""

    unit: float = 0.125
    signature: Mapping[str, int] = field(default_factory=dict)
    #: Accidentals hold until the end of their bar.
    bar: dict[tuple[str, int], int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    at: float = 0.0
    tied: bool = False
    #: What the next note's length is multiplied with, and for how many notes a tuplet still lasts.
    stretch: float = 1.0
    tuplet: tuple[float, int] = (1.0, 0)
    repeat_from: tuple[float, int] = (0.0, 0)
    first_ending: tuple[float, int] | None = None


def from_abc(text: str, meter: Meter) -> tuple[Note, ...]:
    state, body = _abc_header(text)
    for token in ABC_TOKEN.finditer(body):
        _abc_token(state, token)
        if len(state.notes) > MOST_NOTES:
            break
    per_beat = _quarters_per_beat(meter) / 4
    scaled = [
        replace(note, start=round(note.start / per_beat, 6), beats=round(note.beats / per_beat, 6))
        for note in state.notes
    ]
    return _checked(scaled)


def _abc_header(text: str) -> tuple[_Abc, str]:
    """The fields, and the lines of music of the first voice without comments."""
    state, meter, unit = _Abc(), 1.0, 0.0
    voice, first, body = "", "", []
    for line in text.splitlines():
        found = ABC_FIELD.match(line)
        if found is None:
            if voice == first:
                body.append(line.split("%")[0].rstrip("\\"))
            continue
        name, value = found.groups()
        if name == "M":
            meter = {"C": 1.0, "C|": 1.0}.get(value) or _fraction(value, 1.0)
        elif name == "L":
            unit = _fraction(value, 0.125)
        elif name == "K":
            state.signature = _abc_signature(value)
        elif name == "V":
            voice = value.split(" ")[0]
            first = first or voice
    # What the standard says where no length is given.
    state.unit = unit or (0.0625 if meter < 0.75 else 0.125)
    return state, "\n".join(body)


def _fraction(written: str, otherwise: float) -> float:
    found = re.match(r"(\d+)\s*/\s*(\d+)", written)
    if found is None or not 0 < int(found.group(2)) <= 256 or int(found.group(1)) == 0:
        return otherwise
    return int(found.group(1)) / int(found.group(2))


def _abc_signature(written: str) -> dict[str, int]:
    found = ABC_KEY.match(written)
    if found is None:
        return {}
    letter, accidental, mode = found.groups()
    name = mode.lower()[:3]
    fifths = FIFTHS[letter.lower()] + 7 * ACCIDENTALS[accidental] + ABC_MODES.get(name, 0)
    if fifths >= 0:
        return dict.fromkeys(SHARP_ORDER[:fifths], 1)
    return dict.fromkeys(FLAT_ORDER[:-fifths], -1)


def _abc_token(state: _Abc, token: re.Match[str]) -> None:
    if token["note"]:
        _abc_note(state, token["accidental"], token["letter"], token["octave"], _abc_length(token["length"]))
    elif token["chord"]:
        _abc_chord(state, token["chord"], _abc_length(token["chordlength"]))
    elif token["bar"]:
        _abc_bar(state, token["bar"])
    elif token["ending"]:
        if token["ending"][-1] == "1":
            state.first_ending = (state.at, len(state.notes))
    elif token["tuplet"]:
        count = int(token["tuplet"])
        state.tuplet = ({2: 1.5, 3: 2 / 3, 4: 0.75, 6: 1 / 3, 8: 0.375}.get(count, 2 / count), count)
    elif token["broken"]:
        _abc_broken(state, token["broken"])
    elif token["tie"]:
        state.tied = True
    elif token["inline"] and token["inline"][1] == "K":
        state.signature = _abc_signature(token["inline"][3:-1])


def _abc_length(written: str) -> float:
    top, slash, bottom = re.match(r"(\d*)(/*)(\d*)", written).groups()  # type: ignore[union-attr]  # it matches anything
    divisor = min(int(bottom), 256) if bottom else 2 ** len(slash[:8])
    return min(int(top or 1), 256) / max(divisor, 1)


def _abc_note(state: _Abc, accidental: str | None, letter: str, octave: str, length: float) -> None:
    factor, left = state.tuplet
    whole = state.unit * length * state.stretch * (factor if left else 1.0)
    state.tuplet, state.stretch = (factor, max(left - 1, 0)), 1.0
    tied, state.tied = state.tied, False
    if letter not in "zx":
        pitch = _abc_pitch(state, accidental, letter, octave)
        last = state.notes[-1] if state.notes else None
        if tied and last is not None and last.pitch == pitch:
            state.notes[-1] = replace(last, beats=last.beats + whole)
        else:
            state.notes.append(Note(start=state.at, beats=whole, pitch=pitch, velocity=USUAL_VELOCITY))
    state.at += whole


def _abc_pitch(state: _Abc, accidental: str | None, letter: str, octave: str) -> int:
    name = letter.lower()
    height = (72 if letter.islower() else 60) + 12 * (octave.count("'") - octave.count(","))
    if accidental:
        state.bar[name, height] = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}[accidental]
    shift = state.bar.get((name, height), state.signature.get(name, 0))
    return min(max(height + LETTERS[name] + shift, 0), 127)


def _abc_chord(state: _Abc, written: str, length: float) -> None:
    """Its top note; its length is that of its first, times what stands behind it."""
    inside = [found for found in ABC_TOKEN.finditer(written[1:-1]) if found["note"] and found["letter"] not in "zx"]
    if inside:
        top = max(inside, key=lambda note: _abc_pitch(state, note["accidental"], note["letter"], note["octave"]))
        length *= _abc_length(inside[0]["length"])
        _abc_note(state, top["accidental"], top["letter"], top["octave"], length)


def _abc_broken(state: _Abc, signs: str) -> None:
    """`a>b` lengthens the first by half and shortens the second, `a<b` the other way round."""
    if not state.notes:
        return
    less = 0.5 ** len(signs[:3])
    longer = signs[0] == ">"
    last = state.notes[-1]
    changed = last.beats * (2 - less if longer else less)
    state.at += changed - last.beats
    state.notes[-1] = replace(last, beats=changed)
    state.stretch = less if longer else 2 - less


def _abc_bar(state: _Abc, written: str) -> None:
    state.bar = {}
    if written.startswith(":"):
        _abc_repeat(state)
    if written.endswith(":"):
        state.repeat_from, state.first_ending = (state.at, len(state.notes)), None


def _abc_repeat(state: _Abc) -> None:
    """Once more from where the repeat began, up to the first ending where there is one."""
    begun, index = state.repeat_from
    until, last = state.first_ending or (state.at, len(state.notes))
    again = [replace(note, start=note.start - begun + state.at) for note in state.notes[index:last]]
    state.notes += again
    state.at += until - begun
    state.repeat_from, state.first_ending = (state.at, len(state.notes)), None


def likely_key(notes: Sequence[Note]) -> Key:
    """The key whose profile fits best to how long each pitch class sounds; first and last note count for more."""
    weights = [0.0] * 12
    for note in notes:
        weights[note.pitch % 12] += note.beats
    for note in (notes[0], notes[-1]):
        weights[note.pitch % 12] += 0.5 * note.beats
    keys = [Key(tonic=tonic, mode=mode) for mode in MODES for tonic in range(12)]
    return max(keys, key=lambda key: _fit(weights, key))


def _fit(weights: Sequence[float], key: Key) -> float:
    profile = PROFILES[key.mode]
    mean = sum(weights) / 12
    spread = sum(profile) / 12
    fit = sum((weights[(key.tonic + i) % 12] - mean) * (profile[i] - spread) for i in range(12))
    # What lies outside the scale speaks louder against a key than any profile for it.
    return fit - OUTSIDE * sum(weight for c, weight in enumerate(weights) if c not in key.scale)
