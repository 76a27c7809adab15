"""The boundary of the command line: exit codes, one-line errors, no tracebacks; what `doctor` makes of a machine."""

import importlib.metadata
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tutti.cli import doctor, main


@pytest.fixture
def tutti(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Command":
    for name in ("TUTTI_ORCHESTRATORS", "TUTTI_SCHEDULERS", "TUTTI_DATA_DIR", "TUTTI_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Command(monkeypatch, capsys)


class Command:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["tutti", *arguments])
        with pytest.raises(SystemExit) as exit:
            main.main()
        said = self._capsys.readouterr()
        code = exit.value.code
        assert code is None or isinstance(code, int)
        return code or 0, said.out, said.err


def test_the_version_is_that_of_the_distribution(tutti: Command) -> None:
    assert tutti("version") == (0, importlib.metadata.version("tutti-mesh") + "\n", "")


def test_every_command_explains_itself(tutti: Command) -> None:
    commands = ["up", "demo", "submit", "watch", "jobs", "show", "cancel", "listen", "doctor", "version"]
    commands += ["workers", "drain", "queues", "pause", "resume"]
    commands += ["retry", "dead", "replay", "discard"]
    overview = tutti("--help")[1]
    for command in commands:
        assert f"\n  {command} " in overview
        assert tutti(command, "--help")[0] == 0


@pytest.mark.parametrize(
    "command",
    [
        ["jobs"],
        ["dead"],
        *([name, "x"] for name in ("show", "watch", "cancel", "listen", "submit", "retry", "replay", "discard")),
        *(["workers"], ["workers", "--clean"], ["drain", "x"], ["queues"], ["pause", "x"], ["resume", "x"]),
    ],
)
def test_without_a_mesh_commands_end_with_3_and_the_remedy(tutti: Command, tmp_path: Path, command: list[str]) -> None:
    code, out, err = tutti(*command, "--data-dir", str(tmp_path))
    assert (code, out) == (3, "")
    assert err.startswith("Error: no mesh runs in ")
    assert "`tutti up`" in err
    assert len(err.splitlines()) == 1


def test_a_mesh_that_does_not_answer_ends_with_3(tutti: Command) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        code, _, err = tutti("jobs", "--address", address, "--timeout", "0.3")
    assert code == 3
    assert f"no orchestrator answered at {address}" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["submit"], "say what to make"),
        (["submit", "a beat", "--kind", "test.echo"], "say what to make"),
        (["submit", "a beat", "--option", "bpm"], "key=value"),
        (["submit", "a beat", "--priority", "urgent"], "use one of low, normal, high"),
        (["submit", "a beat", "--input", "{}"], "--input is for a task"),
        (["submit", "--kind", "test.echo", "--input", "[]"], "JSON object"),
        (["submit", "--kind", "test.echo", "--duration", "3"], "for music"),
        (["submit", "a beat", "--plan", "p.json"], "say what to make"),
        (["submit", "--plan", "p.json", "--input", "{}"], "its file says everything"),
        (["submit", "--plan", "no-such-file.json"], "cannot be read"),
        (["submit", "--plan", __file__], "holds no plan"),
        (["submit", "a beat", "--job-timeout", "0"], "--job-timeout"),
        (["replay", "x", "--input", "[]"], "JSON object"),
        (["replay"], "Missing argument"),
        (["replay", __file__], "no manifest of a track"),
        (["replay", __file__, "--input", "{}"], "for dead letters"),
        (["jobs", "--state", "asleep"], "use one of held, queued"),
        (["jobs", "--address", "host-without-a-port"], "host-without-a-port"),
        (["submit", "--nonsense"], "No such option"),
        (["sing"], "No such command"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_to_change(tutti: Command, arguments: list[str], message: str) -> None:
    code, out, err = tutti(*arguments, *([] if "sing" in arguments else ["--timeout", "0.3"]))
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_an_unexpected_error_is_one_line_unless_debugging(tutti: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("broken [inside]")

    monkeypatch.setattr(main, "app", broken)
    code, _, err = tutti("jobs")
    assert code == 1
    assert err.startswith("Error: unexpected RuntimeError: broken [inside]. Set TUTTI_DEBUG=1")
    assert "Traceback" not in err
    monkeypatch.setenv("TUTTI_DEBUG", "1")
    assert "Traceback" in tutti("jobs")[2]


def test_doctor_finds_everything_here_and_no_mesh_in_an_empty_directory(tutti: Command, tmp_path: Path) -> None:
    code, out, _ = tutti("doctor", "--json", "--data-dir", str(tmp_path))
    findings = {line["subject"]: line for line in map(json.loads, out.splitlines())}
    assert code == 0
    assert all(findings[name]["good"] for name in ("python", "numpy", "redis-server", "triton", "disk"))
    assert findings["mesh"]["remedy"] == "start one: tutti up"


def test_doctor_names_the_remedy_for_what_is_missing() -> None:
    assert "3.11 or 3.12" in doctor.python((3, 13)).remedy
    assert "pip install 'numpy<2'" in doctor.numpy("2.1.0").remedy
    assert doctor.numpy("1.26.4").good
    assert doctor.disk(10).good is False
    assert doctor.npm(None).good is None


def test_doctor_tells_who_has_the_gateways_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        monkeypatch.setattr(doctor, "DEFAULT_GATEWAY_PORT", stranger.getsockname()[1])
        finding = doctor.gateway_port(tmp_path)
    assert (finding.good, finding.detail) == (None, "taken")
    assert "--gateway-port" in finding.remedy


@pytest.mark.parametrize("heavy", ["numpy", "tritonclient", "opentelemetry.exporter"])
def test_a_command_waits_for_nothing_that_it_may_not_need(heavy: str) -> None:
    program = f"import sys, tutti.cli.main; sys.exit({heavy!r} in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
