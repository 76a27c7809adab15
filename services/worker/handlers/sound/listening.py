"""What a recording that somebody named sounds like, and which recording it was."""

import hashlib
from pathlib import Path
from typing import Any

from music.analyze import describe
from music.errors import RequestError
from music.output import read_audio
from services.worker.handlers.threads import Progress
from tutti.errors import InvalidInput


def described(path: Path, field: str, progress: Progress) -> tuple[dict[str, Any], str]:
    """The style, and the digest of the file."""
    progress(0.3, "listen")
    try:
        audio, rate = read_audio(path, field=field)
    except RequestError as error:
        raise InvalidInput(error.message, field=field) from error
    progress(0.5, "analyze")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return dict(describe(audio, rate)), digest
