"""Sets of weights on paper: manifests, settings, and who fetches them. The fetching is in tests/integration."""

from pathlib import Path

import pytest

from tutti.embedded.programs import _weights_first
from tutti.errors import PreconditionFailed
from tutti.weights.manifest import RECORD, Fetched, is_hidden, parse, read_record, write_record
from tutti.weights.settings import WeightsSettings

DIGEST = "a" * 64


def test_a_manifest_is_what_sha256sum_writes() -> None:
    text = f"{DIGEST}  config.json\n{DIGEST.upper()} *./parts/1 of 2.bin\n\n{DIGEST}  .gitattributes\n"
    assert parse(text, "here") == {"config.json": DIGEST, "parts/1 of 2.bin": DIGEST}


@pytest.mark.parametrize("name", ["../up", "/abs", "a/../b", "a//b", "a\\b"])
def test_no_name_leads_out_of_the_directory(name: str) -> None:
    with pytest.raises(PreconditionFailed, match="no name for a file of weights"):
        parse(f"{DIGEST}  {name}", "here")


@pytest.mark.parametrize("text", ["", "md5 file", f"{DIGEST}", f"{DIGEST[1:]}  name"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(PreconditionFailed):
        parse(text, "here")


def test_names_with_a_dot_in_front_are_nobodys_weights() -> None:
    assert is_hidden(".partial/x")
    assert is_hidden("a/.b")
    assert not is_hidden("a.b")


@pytest.mark.parametrize("spoilt", ["", "[]", "{", '{"a": {"size": 1}}', '{"a": 1}'])
def test_a_record_that_is_spoilt_is_as_none(tmp_path: Path, spoilt: str) -> None:
    record = {"a": Fetched(size=1, etag="e", sha256=DIGEST)}
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    (tmp_path / RECORD).write_text(spoilt)
    assert read_record(tmp_path) == {}


@pytest.mark.parametrize(
    ("path", "bucket", "prefix"),
    [("s3://models", "models", ""), ("s3://models/", "models", ""), ("s3://my.models/a/b/", "my.models", "a/b/")],
)
def test_a_path_names_a_bucket_and_a_prefix(path: str, bucket: str, prefix: str) -> None:
    settings = WeightsSettings(engine="musicgen", s3_path=path)
    assert (settings.bucket, settings.prefix, settings.fetches) == (bucket, prefix, True)
    assert settings.directory == Path.home() / ".cache/tutti/weights" / bucket / prefix


def test_triton_waits_for_weights_only_where_there_are_some() -> None:
    assert _weights_first({}) == ()
    assert _weights_first({"MODEL_S3_PATH": "s3://models"})[-3:] == ("-m", "tutti.weights", "--")
