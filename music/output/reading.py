"""Reads audio files: those that people bring, which are not trusted, and the stems that the mix goes through."""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from music.errors import RequestError

Audio = npt.NDArray[np.float32]

READABLE = frozenset({"WAV", "WAVEX", "FLAC", "OGG", "MP3", "AIFF"})
LARGEST_BYTES = 256 * 2**20
LONGEST_SECONDS = 600.0
SLOWEST_RATE, FASTEST_RATE = 8_000, 192_000
READ_FRAMES = 65_536


def read_audio(
    source: Path | BinaryIO,
    *,
    rate: int | None = None,
    longest_seconds: float = LONGEST_SECONDS,
    largest_bytes: int = LARGEST_BYTES,
    field: str = "reference",
) -> tuple[Audio, int]:
    """All of a file as two channels, at its own rate or at the one asked for; raises RequestError for what is not
    audio or is too much of it."""
    _check_size(source, largest_bytes, field)
    try:
        with soundfile.SoundFile(source) as file:
            _check(file, longest_seconds, field)
            audio, found = _read(file, field), file.samplerate
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise RequestError(field, "is not audio that can be read. Send WAV, FLAC, OGG or MP3.") from error
    if rate is not None and rate != found:
        audio = np.ascontiguousarray(soxr.resample(audio.T, found, rate, quality="HQ").T, dtype=np.float32)
    return audio, rate or found


def _check_size(source: Path | BinaryIO, largest_bytes: int, field: str) -> None:
    if isinstance(source, Path):
        size = source.stat().st_size
    else:
        size = source.seek(0, 2)
        source.seek(0)
    if size > largest_bytes:
        raise RequestError(
            field, f"must be at most {largest_bytes} bytes, got {size}. Send a shorter or compressed file."
        )


def _check(file: soundfile.SoundFile, longest_seconds: float, field: str) -> None:
    if file.format not in READABLE:
        raise RequestError(field, f"must be WAV, FLAC, OGG or MP3, got {file.format}.")
    if not SLOWEST_RATE <= file.samplerate <= FASTEST_RATE:
        raise RequestError(
            field, f"must have a sample rate from {SLOWEST_RATE} to {FASTEST_RATE}, got {file.samplerate}."
        )
    if file.frames > longest_seconds * file.samplerate:
        raise RequestError(field, f"must be at most {longest_seconds:g} seconds long. Send a part of it.")


def _read(file: soundfile.SoundFile, field: str) -> Audio:
    """Block by block into place. What a header says about the length is only a claim, but no more than that is read."""
    audio = np.zeros((2, file.frames), dtype=np.float32)
    place = 0
    while len(block := file.read(min(READ_FRAMES, file.frames - place), dtype="float32", always_2d=True)):
        if not np.isfinite(block).all():
            raise RequestError(field, "holds samples that are not numbers.")
        audio[:, place : place + len(block)] = _stereo(block)
        place += len(block)
    if place == 0:
        raise RequestError(field, "holds no sound.")
    return audio[:, :place]


def _stereo(frames: npt.NDArray[np.float32]) -> Audio:
    """What has more than two channels keeps its front two."""
    if frames.shape[1] == 1:
        return np.repeat(frames.T, 2, axis=0)
    return np.ascontiguousarray(frames[:, :2].T)


class StemFile:
    """A stem on disk as the mix reads it: called with a start and a count."""

    def __init__(self, path: Path) -> None:
        self._file = soundfile.SoundFile(path)
        self.rate, self.frames = int(self._file.samplerate), int(self._file.frames)
        self._next = 0

    def __call__(self, start: int, count: int) -> Audio:
        if start != self._next:
            self._file.seek(start)
        frames = self._file.read(count, dtype="float32", always_2d=True)
        self._next = start + len(frames)
        return _stereo(frames)

    def __enter__(self) -> "StemFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
