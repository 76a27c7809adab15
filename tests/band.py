"""A small band for tests of the mix: plausible dry stems out of a few lines of numpy, and the plan that they play."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from music import seeds
from music.genres import GENRES
from music.instruments import KICK
from music.mix.settings import settings
from music.plan import STEMS, Note, Plan, Section, Track

Audio = npt.NDArray[np.float32]
ROOTS = (45, 41, 48, 43)  # Am F C G
TRIADS = ((57, 60, 64), (57, 60, 65), (55, 60, 64), (55, 59, 62))


def plan(
    *,
    seconds: float = 8.0,
    bpm: float = 120.0,
    genre: str = "house",
    stems: tuple[str, ...] = STEMS,
    loudness: float = -14.0,
) -> Plan:
    beats = seconds * bpm / 60
    bars = max(round(beats / 4), 2)
    half = bars // 2
    kicks = tuple(Note(start=float(beat), beats=0.25, pitch=KICK, velocity=0.9) for beat in range(int(beats)))
    tune = tuple(
        Note(start=float(beat), beats=1.0, pitch=TRIADS[beat // 4 % 4][beat % 3], velocity=0.7)
        for beat in range(int(beats))
    )
    return Plan(
        engine="test",
        duration_seconds=seconds,
        bpm=bpm,
        key="A minor",
        time_signature=4,
        swing=0.5,
        seed=7,
        mode="full",
        genre=genre,
        sections=(
            Section(name="Verse", kind="verse", start_bar=0, bars=half, energy=0.4),
            Section(name="Chorus", kind="chorus", start_bar=half, bars=bars - half, energy=0.8),
        ),
        chords=(),
        tracks=(
            Track(name="Kit", stem="drums", instrument="kit_909", notes=kicks),
            Track(name="Keys", stem="chords", instrument="piano", notes=tune),
            Track(name="Lead", stem="lead", instrument="saw_lead", notes=tune),
        ),
        mix=settings(genre=genre, energy=GENRES[genre].energy, stems=stems, loudness_target=loudness),
    )


@lru_cache(maxsize=8)
def stems(seconds: float = 8.0, bpm: float = 120.0, rate: int = 44_100) -> dict[str, Audio]:
    """All eight, of `round(seconds * rate)` samples. Do not write to them."""
    total = round(seconds * rate)
    beat = 60 / bpm
    band = {stem: np.zeros((2, total), dtype=np.float32) for stem in STEMS}
    kick, snare, hat, shaker = (
        _kick(rate),
        _noise(rate, 0.18, 22, 0.5),
        _noise(rate, 0.06, 70, 0.22),
        _noise(rate, 0.05, 60, 0.2),
    )
    for step in range(int(seconds / beat * 4)):
        time = step * beat / 4
        if step % 4 == 0:
            _add(band["drums"], kick, time, rate)
        if step % 8 == 4:
            _add(band["drums"], snare, time, rate)
        if step % 4 == 2:
            _add(band["drums"], hat, time, rate)
        _add(band["percussion"], shaker * (1.0 if step % 2 else 0.5), time, rate, right=0.6)
        bar = step // 16 % 4
        if step % 2 == 0:
            _add(band["bass"], _tone(ROOTS[bar] - 12, 1.8 * beat / 4, rate, 6, 0.4), time, rate)
        if step % 16 == 0:
            for i, pitch in enumerate(TRIADS[bar]):
                _add(band["chords"], _tone(pitch, 3.6 * beat, rate, 8, 0.12), time, rate, right=0.4 + 0.6 * i)
                _add(
                    band["pad"],
                    _tone(pitch + 12, 4.2 * beat, rate, 12, 0.05, attack=0.3),
                    time,
                    rate,
                    right=1.4 - 0.4 * i,
                )
        if step % 4 == 0:
            _add(band["lead"], _tone(TRIADS[bar][step // 4 % 3] + 12, 0.9 * beat, rate, 10, 0.2), time, rate)
            _add(band["voice"], _tone(TRIADS[bar][2], 0.8 * beat, rate, 5, 0.15, attack=0.06), time, rate)
    rise = seeds.generator(1, "fx").standard_normal((2, total)) * np.linspace(0, 0.1, total)
    band["fx"] += rise.astype(np.float32)
    for audio in band.values():
        audio.setflags(write=False)
    return band


def together(seconds: float = 8.0, bpm: float = 120.0, rate: int = 44_100) -> Audio:
    """All of them at once, dry."""
    mix: Audio = np.sum(list(stems(seconds, bpm, rate).values()), axis=0)
    return mix


def _add(audio: Audio, sound: Audio, time: float, rate: int, *, right: float = 1.0) -> None:
    start = round(time * rate)
    kept = sound[: max(audio.shape[1] - start, 0)]
    audio[0, start : start + len(kept)] += kept * (2.0 - right)
    audio[1, start : start + len(kept)] += kept * right


@lru_cache(maxsize=64)
def _tone(pitch: int, seconds: float, rate: int, partials: int, level: float, attack: float = 0.004) -> Audio:
    times = np.arange(round(seconds * rate)) / rate
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    wave = sum(np.sin(2 * np.pi * hertz * k * times) / k**1.3 for k in range(1, partials + 1))
    shape = np.minimum(times / attack, 1.0) * np.minimum((seconds - times) / 0.02, 1.0) * np.exp(-0.8 * times)
    tone: Audio = (level * wave * shape).astype(np.float32)
    return tone


def _kick(rate: int) -> Audio:
    times = np.arange(round(0.35 * rate)) / rate
    turns = 48 * times + 6 * (1 - np.exp(-30 * times))
    hit: Audio = (0.8 * np.sin(2 * np.pi * turns) * np.exp(-11 * times)).astype(np.float32)
    return hit


def _noise(rate: int, seconds: float, decay: float, level: float) -> Audio:
    times = np.arange(round(seconds * rate)) / rate
    noise = seeds.generator(2, "noise", str(decay)).standard_normal(len(times))
    hit: Audio = (level * np.diff(noise, prepend=0.0) * np.exp(-decay * times)).astype(np.float32)
    return hit
