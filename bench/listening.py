"""What can be measured about a track, as numbers: each belongs to a check of what makes it music. Whether they are good
is for others to say.

librosa and pyloudnorm serve as second opinions, so that our own meters are not their own judges.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.signal import butter, resample_poly, sosfilt

from bench.takes import Take
from music.analyze import stereo, tonality
from music.analyze.loudness import integrated
from music.mix import Audio, hold, mixdown
from music.plan import Note, Plan, Track
from music.rendering import render
from music.theory import parse_key

Values = npt.NDArray[np.float64]

TONAL = ("bass", "chords", "lead", "pad", "voice")
#: A listener may count half or double, or in triplets.
FOLDS = (0.5, 2 / 3, 1.0, 1.5, 2.0)
#: By how much a beat of a run may differ from the usual one: trackers drift where there is nothing to follow.
STEADY = 0.05
CLIMAXES = ("chorus", "drop")
CLOSING_SECONDS = 1.5
#: The bands that engineers speak of, from what is felt to what is only air.
BANDS_HZ = {
    "sub": (20, 60),
    "bass": (60, 250),
    "low mids": (250, 500),
    "mids": (500, 2_000),
    "upper mids": (2_000, 4_000),
    "presence": (4_000, 6_000),
    "air": (6_000, 16_000),
}
FRAME_SECONDS = 0.1
SILENT_DBFS = -60.0
SEAM_HZ, SEAM_SECONDS, AROUND_SECONDS = 8_000, 0.005, 1.5
#: Of the highs of a mix: what is less is no click, whatever is around it.
UNHEARD_DBFS = -100.0
ATTACK_SECONDS = 0.08
RISING = ("riser", "reverse_cymbal")


@dataclass(frozen=True, kw_only=True)
class Heard:
    samples: int
    finite: bool
    #: The larger of both channels, as a share of full scale.
    dc: float
    #: Of the beat, once folded, as a share.
    tempo_error: float
    #: What the tonal stems sound like, and how well that fits.
    key: str
    key_fit: float
    lufs: float
    lufs_pyloudnorm: float
    true_peak_dbtp: float
    longest_clip: int
    #: The largest difference between sections that were rendered apart, joined, and the whole.
    joined_difference: float
    #: The worst seam against the 95th percentile around it; below 0 there is no click. None where there is no seam.
    seam_db: float | None
    residual_dbfs: float
    silent_share: float
    #: Each finished stem by itself.
    stem_lufs: Mapping[str, float]
    bands_db: Mapping[str, float]
    peak_to_loudness: float
    #: The loudest of the choruses and drops, or of the verses, together. None where the form lacks either.
    chorus_over_verse_lu: float | None
    correlation: float
    mono_loss_lu: float
    bass_correlation: float


def listen(take: Take) -> Heard:
    place = stereo.measure(take.master, take.rate)
    tonal = sum((take.dry[stem] for stem in TONAL if stem in take.dry), np.zeros_like(take.mix))
    heard_key = tonality.estimate(tonal, take.rate)
    lufs, peak = integrated(take.master, take.rate), true_peak(take.master)
    return Heard(
        samples=take.master.shape[1],
        finite=all(bool(np.isfinite(audio).all()) for audio in (*take.stems.values(), take.mix, take.master)),
        dc=float(np.abs(take.master.mean(axis=1, dtype=np.float64)).max()),
        tempo_error=tempo_error(take.master, take.rate, take.plan.bpm),
        key=heard_key.key.name,
        key_fit=heard_key.correlation,
        lufs=lufs,
        lufs_pyloudnorm=second_opinion(take.master, take.rate),
        true_peak_dbtp=peak,
        longest_clip=longest_clip(take.master),
        joined_difference=joined_difference(take),
        seam_db=seam_db(take),
        residual_dbfs=residual_dbfs(take.stems.values(), take.mix),
        silent_share=silent_share(take.plan, take.master, take.rate),
        stem_lufs={stem: integrated(audio, take.rate) for stem, audio in take.stems.items()},
        bands_db=bands_db(take.master, take.rate),
        peak_to_loudness=peak - lufs,
        chorus_over_verse_lu=chorus_over_verse(take.plan, take.master, take.rate),
        correlation=place.correlation,
        mono_loss_lu=place.mono_loss,
        bass_correlation=place.low_correlation,
    )


def tempo_error(audio: Audio, rate: int, bpm: float) -> float:
    """Beats as librosa finds them, on a straight line: its own tempo is one of a coarse grid."""
    import librosa.beat
    import librosa.onset

    hop = 256
    signal = resample_poly(audio.mean(axis=0), 1, 2)
    slow = rate // 2
    strength = librosa.onset.onset_strength(y=signal, sr=slow, hop_length=hop)
    _, frames = librosa.beat.beat_track(onset_envelope=strength, sr=slow, hop_length=hop, trim=False)
    times = np.asarray(frames) * hop / slow
    if len(times) < 4:
        return 1.0
    found = 60.0 / spacing(times)
    return float(min(abs(found * fold - bpm) / bpm for fold in FOLDS))


def spacing(times: Values) -> float:
    """Of the longest run of beats in which the tracker did not change its mind."""
    between = np.diff(times)
    steady = np.abs(between / np.median(between) - 1.0) < STEADY
    edges = np.flatnonzero(np.diff(np.concatenate(([False], steady, [False])).astype(int)))
    start, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
    return float(np.polyfit(np.arange(end - start + 1), times[start : end + 1], 1)[0])


def relative_of(key: str) -> str:
    """The key of the other mode with the same tones."""
    written = parse_key(key)
    step, mode = (9, "minor") if written.mode == "major" else (3, "major")
    return replace(written, tonic=(written.tonic + step) % 12, mode=mode).name


def second_opinion(audio: Audio, rate: int) -> float:
    import pyloudnorm

    return float(pyloudnorm.Meter(rate).integrated_loudness(audio.T.astype(np.float64)))


def true_peak(audio: Audio) -> float:
    """dBTP, by scipy's oversampling and not by ours."""
    loudest = float(np.abs(resample_poly(audio, 4, 1, axis=1)).max())
    return float(20 * np.log10(max(loudest, 1e-6)))


def longest_clip(audio: Audio, level: float = 0.999) -> int:
    """The most samples in a row at full scale."""
    longest = 0
    for channel in audio:
        inside = np.concatenate(([False], np.abs(channel) >= level, [False]))
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        longest = max(longest, int((edges[1::2] - edges[::2]).max(initial=0)))
    return longest


def joined_difference(take: Take) -> float:
    apart: dict[str, list[Audio]] = {}
    for section in range(len(take.plan.section_edges(take.rate)) - 1):
        for piece in render(take.plan, rate=take.rate, first_section=section):
            if piece.section != section:
                break
            apart.setdefault(piece.stem, []).append(piece.audio)
    return max(float(np.abs(np.concatenate(apart[stem], axis=1) - take.dry[stem]).max()) for stem in take.dry)


def seam_db(take: Take) -> float | None:
    """What begins with a section, or rises to it, may be bright, and is left out here: what remains was cut, and must
    not be heard to be. The highs within a few milliseconds of the worst seam, against those around it."""
    edges = take.plan.section_edges(take.rate)[1:-1]
    if not edges:
        return None
    bare = without_entries(take.plan)
    stems: dict[str, list[Audio]] = {}
    for piece in render(bare, rate=take.rate):
        stems.setdefault(piece.stem, []).append(piece.audio)
    readers = {stem: hold(np.concatenate(parts, axis=1)) for stem, parts in stems.items()}
    blocks = []
    for block in mixdown(bare, readers, rate=take.rate):
        blocks.append(block.mix)
        if block.offset > edges[-1] + AROUND_SECONDS * take.rate:
            break
    mix = np.concatenate(blocks, axis=1)
    return max(seam_against_surroundings(mix, take.rate, edge) for edge in edges)


def seam_against_surroundings(audio: Audio, rate: int, edge: int) -> float:
    frame, around = round(SEAM_SECONDS * rate), round(AROUND_SECONDS * rate)
    start = max(edge - around - frame // 2, 0)
    highs = sosfilt(butter(6, SEAM_HZ, "highpass", fs=rate, output="sos"), audio[:, start : edge + around], axis=1)
    count = highs.shape[1] // frame
    energy = (highs[:, : count * frame] ** 2).reshape(2, count, frame).sum(axis=(0, 2))
    at = (edge - start) // frame
    unheard = 2 * frame * 10 ** (UNHEARD_DBFS / 10)
    usual = max(float(np.percentile(energy, 95)), unheard)
    return float(10 * np.log10((energy[at : at + 2].mean() + 1e-12) / usual))


def without_entries(plan: Plan) -> Plan:
    bar = plan.beats_per_bar
    edges = np.array([section.start_bar * bar for section in plan.sections[1:]], dtype=float)
    near = ATTACK_SECONDS / plan.seconds_per_beat

    def shows(note: Note, track: Track) -> bool:
        ends = [note.start, note.start + note.beats] if track.instrument in RISING else [note.start]
        return any(bool((np.abs(edges - end) < near).any()) for end in ends)

    tracks = (replace(track, notes=tuple(n for n in track.notes if not shows(n, track))) for track in plan.tracks)
    return replace(plan, tracks=tuple(track for track in tracks if track.notes))


def residual_dbfs(stems: Iterable[Audio], mix: Audio) -> float:
    """The largest difference between the sum of the stems and the mix, all in files of 24 bits."""
    difference = np.abs(sum(_in_24_bits(stem) for stem in stems) - _in_24_bits(mix)).max()
    return float(20 * np.log10(max(float(difference), 1e-12)))


def _in_24_bits(audio: Audio) -> Values:
    scaled: Values = np.rint(audio.astype(np.float64) * 2**23) / 2**23
    return scaled


def silent_share(plan: Plan, audio: Audio, rate: int) -> float:
    """Of the frames in which somebody plays, up to the fade at the end: how many nobody would hear."""
    frame = round(FRAME_SECONDS * rate)
    count = max(audio.shape[1] - round(CLOSING_SECONDS * rate), frame) // frame
    power = (audio[:, : count * frame].astype(np.float64) ** 2).reshape(2, count, frame).mean(axis=(0, 2))
    played = np.zeros(count + 1, dtype=bool)
    frames_per_beat = plan.seconds_per_beat / FRAME_SECONDS
    for note in (note for track in plan.tracks for note in track.notes):
        first, last = (int(beats * frames_per_beat) for beats in (note.start, note.start + note.beats))
        played[first : last + 1] = True
    silent = (power < 10 ** (SILENT_DBFS / 10)) & played[:count]
    return float(silent.sum() / max(played[:count].sum(), 1))


def bands_db(audio: Audio, rate: int) -> dict[str, float]:
    """Each band against the whole."""
    size = 16_384
    count = audio.shape[1] // size
    frames = audio[:, : count * size].reshape(2 * count, size) * np.hanning(size).astype(np.float32)
    power = np.square(np.abs(fft.rfft(frames))).sum(axis=0, dtype=np.float64)
    hertz = fft.rfftfreq(size, 1 / rate)
    whole = power[hertz >= 20].sum()
    shares = {name: power[(hertz >= low) & (hertz < high)].sum() / whole for name, (low, high) in BANDS_HZ.items()}
    return {name: float(10 * np.log10(max(share, 1e-12))) for name, share in shares.items()}


def chorus_over_verse(plan: Plan, audio: Audio, rate: int) -> float | None:
    """LU; the fade at the end counts for neither."""
    edges = plan.section_edges(rate)
    heard_until = edges[-1] - round(CLOSING_SECONDS * rate)
    parts: dict[str, list[Audio]] = {"verse": [], "climax": []}
    for section, (start, end) in zip(plan.sections, pairwise(edges), strict=False):
        kind = "climax" if section.kind in CLIMAXES else section.kind
        if kind in parts:
            parts[kind].append(audio[:, start : min(end, heard_until)])
    if not all(parts.values()):
        return None
    verse, climax = (integrated(np.concatenate(parts[kind], axis=1), rate) for kind in ("verse", "climax"))
    return climax - verse
