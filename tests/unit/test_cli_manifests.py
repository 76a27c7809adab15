"""A track's manifest becomes the request that makes it again, and what it became is compared file by file."""

import json
from pathlib import Path
from typing import Any

import pytest

from tutti import structs
from tutti.cli import manifests
from tutti.errors import InvalidInput
from tutti.v1 import artifact_pb2, job_pb2

REQUEST = {
    "model": "track",
    "narrative": "a slow waltz",
    "duration": 12.5,
    "options": {"seed": "18446744073709551615", "bpm": 84},
}
OUTPUTS = [{"name": "master.wav", "sha256": "aa"}, {"name": "drums.wav", "sha256": "bb"}]


def written(directory: Path, content: Any) -> Path:
    file = directory / "manifest.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_the_request_is_submitted_as_it_was(tmp_path: Path) -> None:
    spec = manifests.read(written(tmp_path, {"request": REQUEST, "outputs": OUTPUTS})).spec()
    assert (spec.music.model, spec.music.narrative) == ("track", "a slow waltz")
    assert spec.music.duration.ToTimedelta().total_seconds() == 12.5
    # What the cache gives again would prove nothing.
    assert spec.cache == job_pb2.CACHE_POLICY_OFF
    # A seed has more digits than a number in JSON keeps.
    assert structs.to_dict(spec.music.options) == REQUEST["options"]


def test_a_manifest_without_a_duration_has_the_usual_one(tmp_path: Path) -> None:
    request = {"narrative": "a slow waltz"}
    spec = manifests.read(written(tmp_path, {"request": request, "outputs": []})).spec()
    assert not spec.music.HasField("duration")
    assert spec.music.model == "track"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        {"request": REQUEST},
        {"outputs": OUTPUTS},
        {"request": {}, "outputs": OUTPUTS},
        {"request": [], "outputs": []},
        {"request": {"narrative": 3}, "outputs": []},
        {"request": REQUEST, "outputs": [{"name": "master.wav"}]},
        {"request": REQUEST, "outputs": ["master.wav"]},
        {"request": {**REQUEST, "duration": "long"}, "outputs": []},
        {"request": {**REQUEST, "options": 7}, "outputs": []},
    ],
    ids=str,
)
def test_what_is_no_manifest_is_refused_by_name(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InvalidInput, match="no manifest of a track"):
        manifests.read(written(tmp_path, content))


def test_a_manifest_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        manifests.read(tmp_path)


def test_each_file_is_the_same_different_or_missing() -> None:
    manifest = manifests.Manifest(request=REQUEST, outputs={"master.wav": "aa", "drums.wav": "bb", "fx.wav": "cc"})
    made = {"master.wav": "aa", "drums.wav": "xx", "drums.000.wav": "dd"}
    job = job_pb2.Job(artifacts=[artifact_pb2.Artifact(name=name, sha256=sha256) for name, sha256 in made.items()])
    assert manifests.compared(manifest, job) == {"master.wav": "same", "drums.wav": "different", "fx.wav": "missing"}
