"""What belongs to a set of weights, by name and SHA-256: read from `SHA256SUMS`, and recorded for what was fetched."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from tutti.errors import PreconditionFailed

MANIFEST = "SHA256SUMS"
RECORD = ".fetched.json"
CHUNK_SIZE = 1 << 20
#: As sha256sum writes them: a digest, a space, a space or an asterisk, a name.
_LINE = re.compile(r"^([0-9a-fA-F]{64}) [ *](.+)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A file as it was when it was fetched."""

    size: int
    etag: str
    sha256: str


def parse(text: str, where: str) -> dict[str, str]:
    """Digests by name; raises PreconditionFailed for what sha256sum would not have written."""
    digests = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _LINE.match(line)
        if found is None:
            raise _wrong(f"{where}: line {number} is not a SHA-256, two spaces and a name; make it with sha256sum.")
        name = found[2].removeprefix("./")
        check_name(name, where)
        if not is_hidden(name):
            digests[name] = found[1].lower()
    if not digests:
        raise _wrong(f"{where} lists no file; make it with sha256sum, or take it away.")
    return digests


def check_name(name: str, where: str) -> None:
    """Nothing that is fetched may land outside its directory."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or str(path) != name:
        raise _wrong(f"{where}: {name!r:.100} is no name for a file of weights; rename it.")


def is_hidden(name: str) -> bool:
    """What begins with a dot is no part of a model, such as `.gitattributes`, or ours."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def digest(path: Path) -> str:
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_SIZE):
            hashed.update(chunk)
    return hashed.hexdigest()


def read_record(directory: Path) -> dict[str, Fetched]:
    try:
        kept = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        return {name: Fetched(**each) for name, each in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        # Not there yet, or spoilt: everything is looked at anew.
        return {}


def write_record(directory: Path, record: Mapping[str, Fetched]) -> None:
    draft = directory / f"{RECORD}.new"
    draft.write_text(json.dumps({name: asdict(each) for name, each in record.items()}, indent=1), encoding="utf-8")
    os.replace(draft, directory / RECORD)


def _wrong(message: str) -> PreconditionFailed:
    return PreconditionFailed(message, reason="WEIGHTS_MANIFEST_INVALID")
