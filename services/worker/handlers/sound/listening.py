"""What a recording that somebody named sounds like, which recording it was, and what of it is played to a model."""

import hashlib
from pathlib import Path
from typing import Any

import soundfile

from music.analyze import describe
from music.errors import RequestError
from music.neural.heard import ending, fullest
from music.neural.windows import Audio
from music.output import read_audio
from services.worker.handlers.threads import Progress
from tutti.errors import InvalidInput


def described(path: Path, field: str, progress: Progress) -> tuple[dict[str, Any], str]:
    """The style, and the digest of the file."""
    progress(0.3, "listen")
    audio, rate = _read(path, field)
    progress(0.5, "analyze")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return dict(describe(audio, rate)), digest


def excerpt(path: Path, field: str, into: Path, *, end: bool) -> None:
    """Write what a model hears of it: its end, or where it is fullest."""
    audio, rate = _read(path, field)
    heard = ending(audio, rate) if end else fullest(audio, rate)
    soundfile.write(into, heard.T, rate, subtype="PCM_24")


def _read(path: Path, field: str) -> tuple[Audio, int]:
    try:
        return read_audio(path, field=field)
    except RequestError as error:
        raise InvalidInput(error.message, field=field) from error
