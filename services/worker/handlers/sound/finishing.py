"""What belongs to a master besides itself: compressed, outlined for players, and drawn."""

import json
from contextlib import ExitStack
from pathlib import Path

from music.output import FORMATS, AudioWriter, StemFile, Waveform
from music.output.picture import Picture
from music.plan import Plan
from services.worker.handlers.threads import Progress

BLOCK = 65_536
#: Share of the work that goes through the master; the picture is the rest.
HEARD = 0.9


def finished(master: Path, name: str, plan: Plan, progress: Progress) -> list[tuple[Path, str]]:
    """Files with their media types, all made in one pass over the master."""
    compressed = master.with_suffix(FORMATS[name].suffix)
    with StemFile(master) as source, ExitStack() as stack:
        outline, drawing = Waveform(source.frames, source.rate), Picture(source.frames, source.rate)
        listeners = [outline.feed, drawing.feed]
        if name != "wav":
            writer = AudioWriter(compressed, name=name, source_rate=source.rate)
            listeners.append(stack.enter_context(writer).write)
        for start in range(0, source.frames, BLOCK):
            block = source(start, min(BLOCK, source.frames - start))
            for listen in listeners:
                listen(block)
            progress(HEARD * start / source.frames, "finalize")
        rate = source.rate
    peaks, picture = master.with_name("peaks.json"), master.with_name("picture.png")
    peaks.write_text(json.dumps(outline.result(), separators=(",", ":")))
    picture.write_bytes(_drawn(drawing, plan, rate))
    made = [(peaks, "application/json"), (picture, "image/png")]
    return made if name == "wav" else [(compressed, FORMATS[name].media_type), *made]


def _drawn(drawing: Picture, plan: Plan, rate: int) -> bytes:
    begins = plan.section_edges(rate)[:-1]
    # A plan without sections is one of a single part, which needs no name.
    sections = [(begin / rate, section.name) for begin, section in zip(begins, plan.sections, strict=False)]
    title = str(plan.resolved.get("prompt", {}).get("value", ""))[:80]
    return drawing.png(title=title, details=f"{plan.genre}, {plan.bpm:g} bpm, {plan.key}", sections=sections)
