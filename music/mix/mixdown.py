"""From dry stems to the stems as they are delivered, and their sum, the mix before it is mastered.

The sum is taken over what is delivered, sample by sample: whoever adds up the stems gets the mix. A piece goes through
block by block, with what rings and moves carried over, so that its length costs no memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music.mix.automation import Automation
from music.mix.blocks import BLOCK, Audio, Reader, drawn, read_block
from music.mix.chorus import Chorus
from music.mix.convolve import Convolver
from music.mix.dynamics import saturate, strip_compressor
from music.mix.staging import LEVELS, playing_loudness, trim
from music.mix.strips import network
from music.plan import STEMS, Plan, Strip

#: How much of its end a loop is begun with.
RINGING_BLOCKS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixed:
    #: In samples from the start of the piece. Blocks follow one another without gaps.
    offset: int
    stems: Mapping[str, Audio]
    mix: Audio


def mixdown(
    plan: Plan,
    stems: Mapping[str, Reader],
    *,
    rate: int,
    loop: bool | None = None,
    loudness: Mapping[str, float] | None = None,
) -> Iterator[Mixed]:
    """Mix the stems of a plan; each reader holds exactly `round(duration_seconds * rate)` samples.

    A loop begins with what still rings from its end; whether it is one the plan says, unless `loop` does. `loudness`
    gives what `staging.playing_loudness` would measure, for who knows it already.
    """
    if loop is None:
        loop = plan.resolved.get("loop", {}).get("value") is True
    total = round(plan.duration_seconds * rate)
    known = loudness or {}
    channels = {
        stem: Channel(
            plan, stem, known[stem] if stem in known else playing_loudness(stems[stem], total, rate), rate, loop=loop
        )
        for stem in STEMS
        if stem in stems
    }
    desk = _Desk(plan, channels, stems, rate, total, loop=loop)
    if loop:
        desk.ring()
    for offset in range(0, total, BLOCK):
        yield desk.block(offset)


class Channel:
    """What a strip does before it is spread in space: level, dynamics, saturation, chorus."""

    def __init__(self, plan: Plan, stem: str, loudness: float, rate: int, *, loop: bool) -> None:
        strip = plan.mix.strips.get(stem, Strip())
        self.strip, self.stem = strip, stem
        self._trim = np.float32(trim(stem, loudness))
        self._compressor = strip_compressor(stem, strip.compress, LEVELS[stem], rate)
        period = plan.duration_seconds if loop else None
        self._chorus = Chorus(rate, strip.chorus, period_seconds=period) if strip.chorus > 0.0 else None

    def process(self, block: Audio, offset: int) -> Audio:
        block *= self._trim
        if self._compressor is not None:
            block = self._compressor.process(block)
        block = saturate(block, self.strip.drive)
        return block if self._chorus is None else self._chorus.process(block, offset)


class _Desk:
    def __init__(
        self,
        plan: Plan,
        channels: Mapping[str, Channel],
        readers: Mapping[str, Reader],
        rate: int,
        total: int,
        *,
        loop: bool,
    ) -> None:
        self._channels, self._readers, self._total = channels, readers, total
        self._automation = Automation(plan, rate, total, loop=loop)
        self._convolver = Convolver(
            {
                stem: network(
                    channel.strip, stem=stem, genre=plan.genre, seconds_per_beat=plan.seconds_per_beat, rate=rate
                )
                for stem, channel in channels.items()
            }
        )

    def block(self, offset: int) -> Mixed:
        count = min(BLOCK, self._total - offset)
        spread = self._convolver.process(
            {
                stem: channel.process(read_block(self._readers[stem], offset, self._total), offset)
                for stem, channel in self._channels.items()
            }
        )
        gains, dips = self._automation.gains(offset), self._automation.dips(offset)
        finished, mix = {}, np.zeros((2, count), dtype=np.float32)
        curves: dict[float, npt.NDArray[np.float32]] = {}
        for stem, channel in self._channels.items():
            sound = spread[stem]
            duck = channel.strip.duck
            if duck not in curves:
                curves[duck] = drawn(gains * (1.0 - duck * dips))
            sound *= curves[duck]
            finished[stem] = sound[:, :count]
            mix += finished[stem]
        return Mixed(offset=offset, stems=finished, mix=mix)

    def ring(self) -> None:
        """Play the end of the piece into the void, so that its echoes fall into the beginning."""
        blocks = min(RINGING_BLOCKS, self._total // BLOCK)
        for back in range(blocks, 0, -1):
            offset = self._total - back * BLOCK
            self._convolver.process(
                {
                    stem: channel.process(read_block(self._readers[stem], offset, self._total), offset)
                    for stem, channel in self._channels.items()
                }
            )
