"""Writes audio files of every format on offer, block by block, and always the same bytes for the same sound."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from music import seeds
from music.errors import RequestError
from music.output.settling import settle

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    container: str
    #: By bit depth; 0 where the format has none.
    subtypes: dict[int, str]
    media_type: str
    suffix: str
    rates: tuple[int, ...] = (44_100, 48_000)
    #: libsndfile's scale from 0, the best, to 1.
    compression: float | None = None


FORMATS = {
    "wav": Format(
        container="WAV", subtypes={16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}, media_type="audio/wav", suffix=".wav"
    ),
    "flac": Format(
        container="FLAC",
        subtypes={16: "PCM_16", 24: "PCM_24"},
        media_type="audio/flac",
        suffix=".flac",
        compression=0.6,
    ),
    "ogg": Format(container="OGG", subtypes={0: "VORBIS"}, media_type="audio/ogg", suffix=".ogg", compression=0.4),
    "opus": Format(
        container="OGG", subtypes={0: "OPUS"}, media_type="audio/ogg", suffix=".opus", rates=(48_000,), compression=0.5
    ),
    "mp3": Format(
        container="MP3", subtypes={0: "MPEG_LAYER_III"}, media_type="audio/mpeg", suffix=".mp3", compression=0.2
    ),
}
#: libsndfile's Vorbis encoder keeps what it is given on the stack.
WRITE_FRAMES = 8_192


def chosen_rate(name: str, rate: int) -> int:
    """The rate of a file for which `rate` was asked: Opus knows no 44.1 kHz."""
    rates = FORMATS[name].rates
    return rate if rate in rates else rates[-1]


class AudioWriter:
    """A file that is written as audio comes. `source_rate` is that of the audio, `rate` that of the file.

    A file of a whole piece at another rate has round(samples * rate / source_rate) samples, to the one.
    """

    def __init__(
        self, path: Path, *, name: str, source_rate: int, rate: int | None = None, bits: int = 24, channels: int = 2
    ) -> None:
        if name not in FORMATS:
            raise RequestError("format", f"must be one of {', '.join(FORMATS)}, got {name[:40]!r}.")
        made = FORMATS[name]
        depth = 0 if 0 in made.subtypes else bits
        if depth not in made.subtypes:
            raise RequestError(
                "bit_depth", f"must be one of {', '.join(map(str, made.subtypes))} for {name}, got {bits}."
            )
        self.path, self.rate = path, chosen_rate(name, rate or source_rate)
        self._source_rate, self._container = source_rate, made.container
        self._read, self._written = 0, 0
        self._resampler = None
        if self.rate != source_rate:
            self._resampler = soxr.ResampleStream(source_rate, self.rate, channels, dtype="float32", quality="HQ")
        self._dither = seeds.generator(0, "dither") if depth == 16 else None
        self._file = soundfile.SoundFile(
            path,
            "w",
            samplerate=self.rate,
            channels=channels,
            format=made.container,
            subtype=made.subtypes[depth],
            compression_level=made.compression,
            bitrate_mode="VARIABLE" if name == "mp3" else None,
        )

    def __enter__(self) -> "AudioWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._file.close()

    def write(self, audio: Audio) -> None:
        """The next samples, of shape (channels, samples)."""
        self._read += audio.shape[1]
        frames = np.ascontiguousarray(audio.T)
        self._put(frames if self._resampler is None else self._resampler.resample_chunk(frames))

    def close(self) -> None:
        if self._resampler is not None:
            rest = self._resampler.resample_chunk(np.zeros((0, self._file.channels), dtype=np.float32), last=True)
            missing = round(self._read * self.rate / self._source_rate) - self._written
            self._put(np.pad(rest, ((0, max(missing - len(rest), 0)), (0, 0)))[: max(missing, 0)])
        self._file.close()
        settle(self.path, self._container)

    def _put(self, frames: npt.NDArray[np.float32]) -> None:
        self._written += len(frames)
        for start in range(0, len(frames), WRITE_FRAMES):
            part = frames[start : start + WRITE_FRAMES]
            self._file.write(np.clip(part, -1.0, 1.0) if self._dither is None else _dithered(part, self._dither))


def _dithered(frames: npt.NDArray[np.float32], dither: np.random.Generator) -> npt.NDArray[np.int16]:
    """Rounded to 16 bits with triangular noise of one step to either side, so that what fades out does not buzz."""
    noise = dither.random((2, *frames.shape), dtype=np.float32)
    steps = np.rint(frames * np.float32(32_768) + noise[0] - noise[1])
    rounded: npt.NDArray[np.int16] = np.clip(steps, -32_768, 32_767).astype(np.int16)
    return rounded


def write_audio(
    path: Path, audio: Audio, *, name: str, source_rate: int, rate: int | None = None, bits: int = 24
) -> None:
    """All of a piece that is in memory."""
    with AudioWriter(path, name=name, source_rate=source_rate, rate=rate, bits=bits, channels=len(audio)) as file:
        for start in range(0, audio.shape[1], 65_536):
            file.write(audio[:, start : start + 65_536])
