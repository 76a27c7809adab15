"""What an artifact may be called, and the key it is stored under: `<job>/<task>/<attempt>/<name>`.

Every store, address and upload is checked here and nowhere else. Names are names, never paths. The attempt is part of
the key, so what a forgotten attempt still writes lands beside its successor's files and never over them.
"""

import re
import unicodedata
from dataclasses import dataclass

from tutti.errors import InvalidInput

#: Bytes of UTF-8. File systems allow 255 and S3 1024 for a whole key; three of these and an attempt fit into both.
MAX_NAME_BYTES = 200
MAX_TYPE_CHARACTERS = 127

_ATTEMPT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_WORD = r"[A-Za-z0-9!#$&^_.+-]+"
_TYPE = re.compile(rf"{_WORD}/{_WORD}(; ?{_WORD}=({_WORD}|\"[ !#-\[\]-~]*\"))*", re.ASCII)
#: Control characters, lone surrogates, line and paragraph separators.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: Marks that turn the direction of writing make "gpj.exe" read like "exe.jpg" in a file list.
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactKey:
    """A key whose parts have been checked; `str()` gives the text that stores and jobs carry."""

    job: str
    task: str
    attempt: int
    name: str

    def __post_init__(self) -> None:
        check_name(self.name)
        check_name(self.job, field="job", what="A job id")
        check_name(self.task, field="task", what="A task name")
        if not _ATTEMPT.fullmatch(str(self.attempt)):
            raise InvalidInput("Attempts are numbered from 1.", field="attempt")

    def __str__(self) -> str:
        return f"{self.job}/{self.task}/{self.attempt}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "ArtifactKey":
        # Whatever follows the third slash is the name, so that a path smuggled in as a name is refused as one.
        parts = text.split("/", 3)
        if len(parts) != 4 or not _ATTEMPT.fullmatch(parts[2]):
            raise InvalidInput(
                f"{text[:80]!r} is not an artifact key; write <job>/<task>/<attempt>/<name>.", field="key"
            )
        return cls(job=parts[0], task=parts[1], attempt=int(parts[2]), name=parts[3])


def check_name(name: str, *, field: str = "name", what: str = "An artifact's name") -> None:
    problem = _problem(name)
    if problem:
        raise InvalidInput(f"{what} {problem}: {name[:80]!r}.", field=field)


def check_prefix(prefix: str) -> str:
    """A job, a task or an attempt with everything below it. Whole parts only: job-1 never means job-10 as well."""
    parts = prefix.removesuffix("/").split("/")
    if len(parts) > 3:
        raise InvalidInput("A prefix is <job>, <job>/<task> or <job>/<task>/<attempt>.", field="prefix")
    for part in parts:
        check_name(part, field="prefix", what="Each part of a prefix")
    return "/".join(parts)


def check_type(type: str) -> None:
    if len(type) > MAX_TYPE_CHARACTERS or not _TYPE.fullmatch(type):
        raise InvalidInput(f"{type[:80]!r} is not a media type; write one such as audio/wav.", field="type")


def _problem(name: str) -> str:
    if not name:
        return "must not be empty"
    if "/" in name or "\\" in name:
        return "is a name, never a path: leave out slashes and backslashes"
    if any(unicodedata.category(c) in _FORBIDDEN_CATEGORIES or c in _DIRECTION_MARKS for c in name):
        return "must hold no control, line separator or direction characters"
    # A leading dot also covers "." and "..", and keeps the directory store's own entries out of reach.
    if name.startswith("."):
        return "must not start with a dot"
    if name != name.strip():
        return "must not start or end with a space"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"must not be longer than {MAX_NAME_BYTES} bytes of UTF-8"
    return ""
