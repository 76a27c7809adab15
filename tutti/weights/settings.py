"""Where weights come from and go to, as the environment says."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROCEDURAL, MUSICGEN = "procedural", "musicgen"
_S3_PATH = r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s]*)?)?$"


class WeightsSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    engine: str = Field(
        default=PROCEDURAL,
        validation_alias="MUSCGEN_ENGINE",
        pattern=f"^({PROCEDURAL}|{MUSICGEN})$",
        description="What muscgen renders with: procedural, which needs no weights, or musicgen.",
    )
    model_dir: Path | None = Field(
        default=None,
        validation_alias="MUSCGEN_MODEL_DIR",
        description="Directory of MusicGen's weights as transformers saves them; with MODEL_S3_PATH, where they are "
        "put, and then a directory of the user's cache if this is empty.",
    )
    s3_path: str = Field(
        default="",
        validation_alias="MODEL_S3_PATH",
        pattern=_S3_PATH,
        description="s3://bucket/prefix to fetch the weights from at the start. Empty: they are in MUSCGEN_MODEL_DIR.",
    )
    s3_endpoint: str = Field(
        default="",
        validation_alias="MODEL_S3_ENDPOINT",
        pattern=r"^(https?://[^\s/?#]+[^\s?#]*)?$",
        description="URL of an S3-compatible store for MODEL_S3_PATH; empty means Amazon's.",
    )
    device: str = Field(
        default="auto",
        validation_alias="MUSCGEN_DEVICE",
        pattern="^(auto|cpu|cuda)$",
        description="Where musicgen computes: auto (a GPU if there is one), cpu or cuda.",
    )

    @model_validator(mode="after")
    def _weights_are_somewhere(self) -> Self:
        if self.engine == MUSICGEN and not self.s3_path and self.model_dir is None:
            raise ValueError("MUSCGEN_ENGINE=musicgen needs weights: set MUSCGEN_MODEL_DIR or MODEL_S3_PATH")
        return self

    @property
    def fetches(self) -> bool:
        return self.engine == MUSICGEN and bool(self.s3_path)

    @property
    def bucket(self) -> str:
        return self.s3_path.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """Of every key, with a slash at its end; empty for a whole bucket."""
        path = self.s3_path.removeprefix("s3://").partition("/")[2].strip("/")
        return f"{path}/" if path else ""

    @property
    def directory(self) -> Path:
        if self.model_dir is not None:
            return self.model_dir
        return Path.home() / ".cache" / "tutti" / "weights" / self.bucket / self.prefix
