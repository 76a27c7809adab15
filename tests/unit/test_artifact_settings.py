import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from tutti.artifacts.directory import DirectoryStore
from tutti.artifacts.s3 import S3Store
from tutti.artifacts.settings import ArtifactSettings, build
from tutti.errors import InvalidInput


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("ARTIFACT_", "TUTTI_")):
            monkeypatch.delenv(name)


def test_files_go_to_a_directory_unless_a_bucket_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTIFACT_URL_SECRET", "0123456789abcdef")
    monkeypatch.setenv("ARTIFACT_S3_BUCKET", "")
    settings = ArtifactSettings()
    assert (settings.dir, settings.url_ttl) == (Path("artifacts"), timedelta(hours=1))
    assert isinstance(build(settings), DirectoryStore)

    monkeypatch.setenv("ARTIFACT_S3_BUCKET", "music")
    assert isinstance(build(ArtifactSettings()), S3Store)


def test_every_variable_reaches_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "ARTIFACT_DIR": "/data/files",
        "ARTIFACT_S3_BUCKET": "music",
        "ARTIFACT_S3_ENDPOINT": "http://minio:9000",
        "ARTIFACT_S3_PUBLIC_ENDPOINT": "https://files.example.org",
        "ARTIFACT_S3_REGION": "eu-central-1",
        "ARTIFACT_S3_PREFIX": "tutti",
        "ARTIFACT_S3_CREATE_BUCKET": "true",
        "ARTIFACT_S3_TIMEOUT_SECONDS": "12.5",
        "ARTIFACT_URL_SECRET": "0123456789abcdef",
        "ARTIFACT_URL_TTL_SECONDS": "60",
        "TUTTI_PUBLIC_URL": "https://music.example.org",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ArtifactSettings() == ArtifactSettings(
        dir=Path("/data/files"),
        s3_bucket="music",
        s3_endpoint="http://minio:9000",
        s3_public_endpoint="https://files.example.org",
        s3_region="eu-central-1",
        s3_prefix="tutti",
        s3_create_bucket=True,
        s3_timeout_seconds=12.5,
        url_secret=SecretStr("0123456789abcdef"),
        url_ttl_seconds=60,
        public_url="https://music.example.org",
    )
    assert "0123456789abcdef" not in repr(ArtifactSettings())


def test_every_setting_has_a_sentence() -> None:
    assert all((field.description or "").endswith(".") for field in ArtifactSettings.model_fields.values())


def test_a_directory_without_a_secret_says_what_to_set() -> None:
    with pytest.raises(InvalidInput, match="openssl rand") as caught:
        build(ArtifactSettings())
    assert caught.value.field == "ARTIFACT_URL_SECRET"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ARTIFACT_URL_TTL_SECONDS", "0"),
        ("ARTIFACT_URL_TTL_SECONDS", "604801"),
        ("ARTIFACT_S3_TIMEOUT_SECONDS", "0"),
        ("ARTIFACT_S3_ENDPOINT", "minio:9000"),
        ("TUTTI_PUBLIC_URL", "ftp://x"),
    ],
)
def test_values_out_of_bounds_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=f"(?i){name.removeprefix('ARTIFACT_')}"):
        ArtifactSettings()


def test_describing_artifacts_loads_no_s3_client() -> None:
    program = "import sys, tutti.artifacts.settings; sys.exit('aioboto3' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
