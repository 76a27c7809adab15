"""Makes a track from a line of words, without servers.

python -m music "slow jazz, brushes and a walking bass" -o jazz.flac
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import soundfile

from music.composing import compose
from music.errors import RequestError
from music.genres import GENRES
from music.mix import Audio
from music.mix.master import Report
from music.output import AudioWriter, midi
from music.output.picture import Picture
from music.plan import Plan, plan_from_dict
from music.recording import captioned, format_of, rate_of
from music.session import Session

BAD_REQUEST = 2


def main(words: Sequence[str] | None = None) -> int:
    asked = parsed(words)
    try:
        check_files(asked)
        plan = planned(asked)
        write_notes(plan, asked)
        report = played(plan, asked) if asked.output or asked.stems or asked.picture else None
    except RequestError as error:
        return refused(f"{error.field}: {error.message}")
    except soundfile.LibsndfileError as error:
        return refused(f"output: {error}")
    except OSError as error:
        return refused(f"{error.filename or 'file'}: {error.strerror or error}.")
    print(summary(plan, report))
    return 0


def refused(why: str) -> int:
    print(f"python -m music: {why}", file=sys.stderr)
    return BAD_REQUEST


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m music", description="Make a track from a line of words.")
    parser.add_argument(
        "prompt", nargs="?", default=None, help="what to make, such as 'calm lo-fi at 80 bpm, no drums'"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the master: .wav, .flac, .ogg, .opus or .mp3"
    )
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="how long; 30 where the prompt does not say")
    parser.add_argument("--seed", metavar="N", help="the same number makes the same track")
    parser.add_argument("--genre", metavar="NAME", help=", ".join(GENRES))
    parser.add_argument("--stems", type=Path, metavar="DIR", help="write each stem there as WAV")
    parser.add_argument(
        "--plan", type=Path, metavar="FILE", help="play the plan in this file; where there is none, write ours there"
    )
    parser.add_argument("--midi", type=Path, metavar="FILE", help="write the notes as a MIDI file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write waveform and spectrogram as PNG")
    return parser.parse_args(words)


def check_files(asked: argparse.Namespace) -> None:
    """Before the work, and not after it."""
    files = [file for file in (asked.output, asked.plan, asked.midi, asked.picture) if file is not None]
    if not files and asked.stems is None:
        raise RequestError("output", "say where to write, such as -o track.wav.")
    if asked.output is not None:
        format_of(asked.output)
    for file in files:
        if not file.parent.is_dir():
            raise RequestError(str(file), "lies in a directory that does not exist. Create it first.")


def planned(asked: argparse.Namespace) -> Plan:
    wanted = {name: getattr(asked, name) for name in ("prompt", "duration", "seed", "genre")}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if asked.plan is None or not asked.plan.exists():
        if not wanted:
            raise RequestError("prompt", "say what to make, such as 'slow jazz'.")
        return compose(wanted)
    if wanted:
        raise RequestError(
            next(iter(wanted)), f"{asked.plan} is a plan already and says it all. Leave this out, or name another file."
        )
    return plan_from_dict(_json(asked.plan))


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RequestError("plan", f"{path} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise RequestError("plan", f"{path} must hold one JSON object.")
    return value


def write_notes(plan: Plan, asked: argparse.Namespace) -> None:
    if asked.plan is not None and not asked.plan.exists():
        asked.plan.write_text(json.dumps(plan.to_dict(), indent=1) + "\n", encoding="utf-8")
    if asked.midi is not None:
        asked.midi.write_bytes(midi(plan))


def played(plan: Plan, asked: argparse.Namespace) -> Report:
    """Everything goes from stage to file block by block, so that a long piece fits into little memory."""
    with Session(plan, rate=rate_of(plan)) as session:
        for _ in session.render():
            pass
        with stem_files(asked.stems, plan, session.rate) as write:
            for block in session.mix():
                for stem, audio in block.stems.items():
                    write(stem, audio)
        report = session.master()
        with ExitStack() as stack:
            picture = Picture(session.frames, session.rate)
            listeners: list[Callable[[Audio], None]] = [picture.feed] if asked.picture else []
            if asked.output:
                file = AudioWriter(asked.output, name=format_of(asked.output), source_rate=session.rate)
                listeners.append(stack.enter_context(file).write)
            for audio in session.blocks() if listeners else ():
                for listen in listeners:
                    listen(audio)
    if asked.picture:
        asked.picture.write_bytes(captioned(picture, plan, session.rate))
    return report


@contextmanager
def stem_files(directory: Path | None, plan: Plan, rate: int) -> Iterator[Callable[[str, Audio], None]]:
    if directory is None:
        yield lambda stem, audio: None
        return
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = {
            stem: stack.enter_context(AudioWriter(directory / f"{stem}.wav", name="wav", source_rate=rate))
            for stem in plan.stems
        }
        yield lambda stem, audio: files[stem].write(audio)


def summary(plan: Plan, report: Report | None) -> str:
    per_bar = plan.seconds_per_beat * plan.beats_per_bar
    sections = ", ".join(f"{section.name} {_clock(section.start_bar * per_bar)}" for section in plan.sections)
    players = ", ".join(dict.fromkeys(track.instrument.replace("_", " ") for track in plan.tracks))
    lines = [
        f"{plan.genre}, {plan.bpm:g} bpm, {plan.key}, {plan.duration_seconds:g} s, seed {plan.seed}",
        f"sections: {sections}",
        f"players: {players}",
    ]
    if report is not None:
        lines.append(f"loudness: {report.integrated_lufs:.1f} LUFS, true peak {report.true_peak_dbtp:.1f} dBTP")
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


if __name__ == "__main__":
    sys.exit(main())
