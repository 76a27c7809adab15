"""The figures of a run: medians, ratios, verdicts, and the table's lines."""

import json
from pathlib import Path

import pytest

from bench import machine, music, page, processor, rows
from bench.figures import Promise, Row, fastest, latency, medians, verdict
from bench.peers.catalogue import DEFAULT, PEERS
from bench.takes import STAGES

RATIO = Promise(must=1.5, aim=2.5, of="ratio", not_below="bullmq")
DRAIN = Row(title="drain", figure="drain", promise=RATIO)
TRIP = Row(title="trip", figure="trip p50", unit="ms", promise=Promise(must=4, aim=2.5, less_is_more=True))


def test_a_latency_is_read_off_the_sorted_figures() -> None:
    found = latency([number / 1000 for number in reversed(range(1, 101))])
    assert (found.p50_ms, found.p99_ms) == pytest.approx((51, 100))


def test_each_figure_has_the_median_of_the_rounds_that_measured_it() -> None:
    assert medians([{"a": 1, "b": 5}, {"a": 9}, {"a": 2}]) == {"a": 2, "b": 5}


def test_the_fastest_is_looked_for_among_those_that_were_measured() -> None:
    peers = {"saq": {"drain": 10.0}, "rq": {"drain": 3.0}, "bullmq": {"drain": 99.0}, "arq": {}}
    assert fastest("drain", peers, rows.PYTHON) == 10.0
    assert fastest("drain", {"bullmq": {"drain": 99.0}}, rows.PYTHON) is None


@pytest.mark.parametrize(
    ("ours", "reached"), [(1_499, "missed"), (1_500, "must"), (2_499, "must"), (2_500, "aim"), (9_000, "aim")]
)
def test_a_throughput_is_judged_by_its_ratio_to_the_fastest_python_peer(ours: float, reached: str) -> None:
    assert verdict(DRAIN, ours, ours / 1_000, {"bullmq": {"drain": 2_000.0}}) == reached


def test_the_aim_is_missed_by_whoever_is_slower_than_bullmq() -> None:
    assert verdict(DRAIN, 4_000, 4.0, {"bullmq": {"drain": 4_001.0}}) == "must"
    assert verdict(DRAIN, 4_000, 4.0, {}) == "aim"


def test_without_a_python_peer_a_ratio_is_not_judged() -> None:
    assert verdict(DRAIN, 4_000, None, {}) == ""


@pytest.mark.parametrize(("ours", "reached"), [(2.5, "aim"), (2.6, "must"), (4.0, "must"), (4.1, "missed")])
def test_a_latency_is_judged_by_itself_and_less_is_more(ours: float, reached: str) -> None:
    assert verdict(TRIP, ours, None, {"saq": {"trip p50": 1.0}}) == reached


def test_a_line_shows_everybody_and_both_ratios() -> None:
    ours = {"drain": 9_000.0}
    peers = {"saq": {"drain": 1_500.0}, "dramatiq": {"drain": 3_000.0}, "bullmq": {"drain": 4_500.0}}
    (line,) = rows.lines(ours, peers)
    assert rows.cells(line, ["dramatiq", "saq", "bullmq"]) == [
        "drain, no-op jobs that were held",
        "9,000 /s",
        "3,000 /s",
        "1,500 /s",
        "4,500 /s",
        "3.00",
        "2.00",
        "≥ 1.5 × / 2.5 ×",
        "aim",
    ]


def test_a_peer_that_was_not_measured_leaves_its_cell_empty() -> None:
    (line,) = rows.lines({"trip p50": 3.0}, {"saq": {"trip p50": 2.7}, "bullmq": {}})
    found = rows.cells(line, ["saq", "bullmq"])
    assert found == ["round trip, idle, one call (`run`), p50", "3.00 ms", "2.70 ms", "", "", "", "≤ 4 / 2.5", "must"]


def test_without_peers_the_table_has_no_columns_for_them() -> None:
    found = rows.lines({"drain": 9_000.0, "rest ÷ echo": 0.45}, {})
    table = rows.table_of(found, [], "a run")
    assert [column.header for column in table.columns] == ["what", "Tutti", "must / aim", "reaches"]
    assert [rows.cells(line, [])[-1] for line in found] == ["", "must"]


def test_every_figure_has_one_row() -> None:
    figures = [row.figure for row in rows.ROWS]
    assert sorted(figures) == sorted(set(figures))


def test_what_is_paced_and_weighed_of_music_has_its_rows() -> None:
    paced = {f"music {genre}{of}" for genre in music.PACED for of in ("", ", first piece")}
    shown = {row.figure: row for row in rows.ROWS if row.figure.startswith("music ")}
    assert set(shown) == {*paced, f"music {music.WEIGHED}, memory"}
    assert all(row.promise is not None for row in shown.values())
    found = rows.lines({"music pop": 14.9, "music pop, first piece": 1.6}, {"saq": {"drain": 1.0}})
    assert [rows.cells(line, ["saq"])[1:] for line in found] == [
        ["14.9 ×", "", "", "", "≥ 10 / 20", "must"],
        ["1.60 s", "", "", "", "≤ 1.5 / 0.75", "missed"],
    ]


def test_a_track_of_all_stems_is_timed() -> None:
    found = music.timed("pop", 1.0, 7)
    assert set(found["seconds"]) == {*STAGES} - {"encode"}
    assert 0 < found["first_piece_seconds"] < sum(found["seconds"].values())


def test_what_a_row_is_compared_with_is_a_peer() -> None:
    assert {row.promise.not_below for row in rows.ROWS if row.promise} <= {"", *PEERS}
    assert set(DEFAULT) <= set(PEERS)


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_has_a_program_and_a_pinned_version(name: str) -> None:
    folder = Path(machine.ROOT) / "bench" / "peers"
    if PEERS[name].python:
        assert (folder / "theirs" / f"{name}_peer.py").exists()
        pinned = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
        assert any(line.startswith(f"{name}==") for line in pinned)
    else:
        assert (folder / "theirs" / f"{name}.mjs").exists()
        assert name in json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]


def test_processor_time_is_read_behind_a_name_with_spaces_and_brackets() -> None:
    stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 150 9 9 20 0 1 0 100 1000 10"
    assert processor.seconds_in(stat) == 400 / processor.TICKS_PER_SECOND


def test_processor_time_is_shared_out_over_the_jobs() -> None:
    found = processor.per_job({"client": 1.0, "Redis": 2.0}, {"client": 1.5, "Redis": 2.25}, 1_000)
    assert found == pytest.approx({"client": 500, "Redis": 250, "all": 750})


def test_the_machine_is_named_after_what_the_kernel_says() -> None:
    assert machine.cpu_model("processor\t: 0\nmodel name\t: A Chip @ 2 GHz\n") == "A Chip @ 2 GHz"
    assert machine.memory_gib("MemTotal:       33445566 kB\nMemFree: 1 kB\n") == 32


def test_a_run_can_be_kept_as_json(tmp_path: Path) -> None:
    machine.write_json(tmp_path / "run.json", {"jobs": 1}, {"drain": 2.5})
    assert json.loads((tmp_path / "run.json").read_text()) == {"about": {"jobs": 1}, "figures": {"drain": 2.5}}


def test_a_kept_run_becomes_a_table_for_the_docs() -> None:
    about = machine.about(jobs=1_000, rounds=3)
    peers = {"saq": {"drain": 1_000.0}}
    run = {"about": about, "figures": {"rows": rows.lines({"drain": 2_000.0}, peers), "rounds": {"tutti": [], **peers}}}
    found = page.page_of(run).splitlines()
    assert found[0].startswith("1,000 jobs, median of 3 rounds, commit ")
    assert found[2] == "| what | Tutti | SAQ | × Python | × BullMQ | must / aim | reaches |"
    assert found[4] == "| drain, no-op jobs that were held | 2,000 /s | 1,000 /s | 2.00 |  | ≥ 1.5 × / 2.5 × | must |"
