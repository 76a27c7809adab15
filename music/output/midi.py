"""A plan as a standard MIDI file, type 1: tempo, meter, key, sections as markers and lyrics on the first track, then
every player on a track of their own."""

from collections.abc import Iterable, Sequence

from music.instruments import INSTRUMENTS
from music.plan import Note, Plan, Track
from music.theory import FLAT_TONICS, parse_key

TICKS_PER_QUARTER = 480
DRUM_CHANNEL = 9
CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
#: What stands first among events at one tick: names and settings, then ends of notes, then beginnings.
SETTING, END, BEGINNING = 0, 1, 2

Event = tuple[int, int, bytes]


def midi(plan: Plan) -> bytes:
    tracks = [_conductor(plan)]
    channel = 0
    for track in plan.tracks:
        if _unpitched(track):
            tracks.append(_player(plan, track, DRUM_CHANNEL))
        else:
            tracks.append(_player(plan, track, CHANNELS[channel % len(CHANNELS)]))
            channel += 1
    head = b"MThd" + _long(6) + _short(1) + _short(len(tracks)) + _short(TICKS_PER_QUARTER)
    return head + b"".join(tracks)


def _ticks_per_beat(plan: Plan) -> int:
    # In six-eight a beat is a dotted quarter; MIDI counts plain ones.
    return TICKS_PER_QUARTER * 3 // 2 if plan.time_signature == 6 else TICKS_PER_QUARTER


def _conductor(plan: Plan) -> bytes:
    per_beat = _ticks_per_beat(plan)
    quarters_per_minute = plan.bpm * per_beat / TICKS_PER_QUARTER
    eighths = plan.time_signature == 6
    meter = bytes((plan.time_signature, 3 if eighths else 2, 36 if eighths else 24, 8))
    events: list[Event] = [
        (0, SETTING, _meta(0x03, f"{plan.genre}, {plan.key}".encode())),
        (0, SETTING, _meta(0x51, round(60e6 / quarters_per_minute).to_bytes(3, "big"))),
        (0, SETTING, _meta(0x58, meter)),
        (0, SETTING, _meta(0x59, _signature(plan.key))),
    ]
    per_bar = per_beat * plan.beats_per_bar
    end = _end(plan)
    events += [
        (section.start_bar * per_bar, SETTING, _meta(0x06, section.name.encode()))
        for section in plan.sections
        if section.start_bar * per_bar < end
    ]
    events += [(round(line.start * per_beat), SETTING, _meta(0x05, line.text.encode())) for line in plan.lyrics]
    return _track(events, end)


def _player(plan: Plan, track: Track, channel: int) -> bytes:
    events: list[Event] = [(0, SETTING, _meta(0x03, track.name.encode()))]
    # Of kits only brushes are named: elsewhere their circles would be strokes on another snare.
    if channel != DRUM_CHANNEL or INSTRUMENTS[track.instrument].program:
        events.append((0, SETTING, bytes((0xC0 | channel, INSTRUMENTS[track.instrument].program))))
    for note, first, last in _sounding(track.notes, _ticks_per_beat(plan), _end(plan)):
        velocity = min(max(round(127 * note.velocity), 1), 127)
        events.append((first, BEGINNING, bytes((0x90 | channel, note.pitch, velocity))))
        events.append((last, END, bytes((0x80 | channel, note.pitch, 0))))
    return _track(events, _end(plan))


def _sounding(notes: Iterable[Note], per_beat: int, end: int) -> Iterable[tuple[Note, int, int]]:
    """Notes with their first and last tick. A pitch that is struck again ends first: MIDI cannot tell the two apart."""
    struck_again: dict[int, int] = {}
    for note in sorted(notes, key=lambda note: (note.start, note.pitch), reverse=True):
        first = round(note.start * per_beat)
        if first >= min(struck_again.get(note.pitch, end), end):
            continue
        last = max(round((note.start + note.beats) * per_beat), first + 1)
        yield note, first, min(last, struck_again.get(note.pitch, end), end)
        struck_again[note.pitch] = first


def _end(plan: Plan) -> int:
    return max(round(plan.duration_seconds / plan.seconds_per_beat * _ticks_per_beat(plan)), 1)


def _unpitched(track: Track) -> bool:
    return INSTRUMENTS[track.instrument].stem in {"drums", "percussion"}


def _signature(name: str) -> bytes:
    """Sharps, or flats as negative numbers, and 1 for minor."""
    key = parse_key(name)
    relative = key.tonic if key.mode == "major" else (key.tonic + 3) % 12
    sharps = relative * 7 % 12
    if sharps > 6 or (sharps == 6 and key.tonic in FLAT_TONICS[key.mode]):
        sharps -= 12
    return bytes((sharps % 256, int(key.mode == "minor")))


def _track(events: Sequence[Event], end: int) -> bytes:
    body, now = bytearray(), 0
    for tick, _, data in sorted(events, key=lambda event: event[:2]):
        body += _variable(tick - now) + data
        now = tick
    body += _variable(max(end - now, 0)) + _meta(0x2F, b"")
    return b"MTrk" + _long(len(body)) + bytes(body)


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + _variable(len(data)) + data


def _variable(value: int) -> bytes:
    """Seven bits a byte, the last one without the eighth."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | (value & 0x7F))
    return bytes(reversed(parts))


def _short(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _long(value: int) -> bytes:
    return value.to_bytes(4, "big")
