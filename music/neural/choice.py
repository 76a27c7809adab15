"""Which engine renders, and with what, as the environment says. Read once, when a model is loaded."""

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROCEDURAL, MUSICGEN = "procedural", "musicgen"
#: Of MusicGen's weights, as they name themselves: the latter follow a tune.
PLAIN, MELODY = "musicgen", "musicgen_melody"
ENGINES = (PROCEDURAL, MUSICGEN)
DEVICES = ("auto", "cpu", "cuda")
INSTALL_COMMAND = "pip install 'tutti-mesh[musicgen]'"
PACKAGES = ("torch", "transformers")


class EngineError(Exception):
    """The engine that was asked for cannot run here; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    engine: str = PROCEDURAL
    #: Of MusicGen's weights, as transformers saves them.
    directory: Path = Path()
    device: str = "auto"


def read_choice(environment: Mapping[str, str]) -> Choice:
    engine = _one_of("MUSCGEN_ENGINE", environment.get("MUSCGEN_ENGINE") or PROCEDURAL, ENGINES)
    if engine == PROCEDURAL:
        return Choice()
    device = _one_of("MUSCGEN_DEVICE", environment.get("MUSCGEN_DEVICE") or "auto", DEVICES)
    directory = environment.get("MUSCGEN_MODEL_DIR", "")
    if not directory:
        raise EngineError(
            "MUSCGEN_ENGINE=musicgen needs weights: set MUSCGEN_MODEL_DIR to a directory that holds them, or "
            "MODEL_S3_PATH and start Triton through `python -m tutti.weights -- tritonserver …`, which fetches them."
        )
    return Choice(engine=engine, directory=_checked(Path(directory)), device=device)


def kind_of(directory: Path) -> str:
    """Which of the two sorts of MusicGen's weights these are."""
    try:
        kind = json.loads((directory / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise EngineError(f"MUSCGEN_MODEL_DIR: {directory}/config.json cannot be read: {error}") from error
    if kind not in (PLAIN, MELODY):
        raise EngineError(
            f"MUSCGEN_MODEL_DIR: {directory} holds a {kind!r:.40}, not a {PLAIN!r} or {MELODY!r}; take "
            "facebook/musicgen-small, -medium, -large, -melody or one of their stereo versions."
        )
    return str(kind)


def follows_tunes(environment: Mapping[str, str]) -> bool:
    """Whether what renders can follow a tune. What is wrong with it, it says itself when it is loaded."""
    try:
        choice = read_choice(environment)
        return choice.engine == MUSICGEN and kind_of(choice.directory) == MELODY
    except EngineError:
        return False


def check_packages() -> None:
    """Whether torch and transformers are there, without the seconds that importing them takes."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineError(
            f"MUSCGEN_ENGINE=musicgen needs {' and '.join(missing)}, not installed in this Python: {INSTALL_COMMAND}, "
            "or leave MUSCGEN_ENGINE at procedural."
        )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise EngineError(f"{name} must be one of {', '.join(known)}, got {value!r:.60}.")
    return value


def _checked(directory: Path) -> Path:
    if not (directory / "config.json").is_file():
        raise EngineError(
            f"MUSCGEN_MODEL_DIR: {directory} holds no config.json; it must be a directory as transformers saves a "
            "MusicGen, such as a copy of facebook/musicgen-small."
        )
    return directory
