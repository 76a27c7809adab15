"""Where artifacts are kept, as the environment says, and the store that follows from it."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from tutti.artifacts.directory import DirectoryStore
from tutti.artifacts.signing import UrlSigner
from tutti.artifacts.store import MAX_EXPIRY, ArtifactStore
from tutti.errors import InvalidInput

_MAX_TTL_SECONDS = int(MAX_EXPIRY.total_seconds())
_URL = r"^(https?://[^\s/?#]+[^\s?#]*)?$"


class ArtifactSettings(BaseSettings):
    """S3 when ARTIFACT_S3_BUCKET is set, else a directory. S3 credentials come from the standard AWS variables."""

    model_config = SettingsConfigDict(
        env_prefix="ARTIFACT_",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    dir: Path = Field(default=Path("artifacts"), description="Directory that holds the files, without S3.")
    s3_bucket: str = Field(default="", description="Bucket that holds the files; when set, S3 is used.")
    s3_endpoint: str = Field(
        default="", pattern=_URL, description="URL of an S3-compatible store; empty means Amazon's."
    )
    s3_public_endpoint: str = Field(
        default="",
        pattern=_URL,
        description="URL of the same store as downloads reach it; empty means ARTIFACT_S3_ENDPOINT.",
    )
    s3_region: str = Field(default="", description="Region; empty means the one of the AWS variables.")
    s3_prefix: str = Field(
        default="", max_length=200, description="Put before every key, to share a bucket; a slash follows it."
    )
    s3_create_bucket: bool = Field(default=False, description="Create the bucket at the start if it is missing.")
    s3_timeout_seconds: float = Field(
        default=60.0, gt=0, description="How long one call to S3 may take, with its retries, in seconds."
    )
    url_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signs the addresses of files in the directory, at least 16 bytes, the same in every service.",
    )
    url_ttl_seconds: int = Field(
        default=3600, ge=1, le=_MAX_TTL_SECONDS, description="How long a signed address lasts, in seconds."
    )
    public_url: str = Field(
        default="http://127.0.0.1:7070",
        validation_alias="TUTTI_PUBLIC_URL",
        pattern=_URL,
        description="URL of the gateway as users reach it; addresses of files in the directory start with it.",
    )

    @property
    def url_ttl(self) -> timedelta:
        return timedelta(seconds=self.url_ttl_seconds)


def build(settings: ArtifactSettings) -> ArtifactStore:
    return _s3(settings) if settings.s3_bucket else _directory(settings)


def _directory(settings: ArtifactSettings) -> ArtifactStore:
    secret = settings.url_secret.get_secret_value()
    if not secret:
        raise InvalidInput(
            "ARTIFACT_URL_SECRET is not set; make one with `openssl rand -hex 32` and give every service the same, "
            "or set ARTIFACT_S3_BUCKET to keep artifacts in S3.",
            field="ARTIFACT_URL_SECRET",
        )
    signer = UrlSigner(secret=secret.encode(), public_url=settings.public_url)
    return DirectoryStore(settings.dir, signer=signer)


def _s3(settings: ArtifactSettings) -> ArtifactStore:
    # Half a second and tens of megabytes that a machine without S3 need not spend.
    from tutti.artifacts.s3 import S3Store

    return S3Store(
        bucket=settings.s3_bucket,
        endpoint_url=settings.s3_endpoint,
        public_endpoint_url=settings.s3_public_endpoint,
        region=settings.s3_region,
        prefix=settings.s3_prefix,
        create_bucket=settings.s3_create_bucket,
        timeout=timedelta(seconds=settings.s3_timeout_seconds),
    )
