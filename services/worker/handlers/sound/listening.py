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


def described(
    path: Path, field: str, progress: Progress, *, excerpt: Path | None, end: bool
) -> tuple[dict[str, Any], str]:
    """The style, and the digest of the file. Where there is an excerpt to write, it is what a model hears of it: its
    end, or where it is fullest."""
    progress(0.3, "listen")
    audio, rate = read(path, field)
    if excerpt is not None:
        heard = ending(audio, rate) if end else fullest(audio, rate)
        soundfile.write(excerpt, heard.T, rate, subtype="PCM_24")
    progress(0.5, "analyze")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return dict(describe(audio, rate)), digest


def read(path: Path, field: str, rate: int | None = None) -> tuple[Audio, int]:
    """A recording, at its own rate or the one asked for; raises InvalidInput for what is none."""
    try:
        return read_audio(path, rate=rate, field=field)
    except RequestError as error:
        raise InvalidInput(error.message, field=field) from error
