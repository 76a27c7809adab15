"""The finished master of a mix: clean lows, glue, tone, and the loudness and true peak that were asked for.

`feed` takes the mix as it comes, `finish` decides everything, and `blocks` yields the result. The mix and its toned
version wait in scratch files meanwhile, so that memory does not grow with the piece.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

import numpy as np

from music.analyze.loudness import SILENCE, Meter
from music.analyze.peaks import REACH, PeakMeter, hop_peaks
from music.analyze.spectrum import Spectrum
from music.mix.blocks import BLOCK, HOP, Audio, Curve, amplitude, drawn, hop_power
from music.mix.dynamics import Compressor
from music.mix.limiter import Trial, ceiling_of, crest_db, deepest_reduction_db
from music.mix.scratch import Scratch
from music.mix.tone import Tone, tone_response
from music.plan import Mix

TOLERANCE_LU = 0.1
MOST_ITERATIONS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    integrated_lufs: float
    true_peak_dbtp: float
    #: True peak over integrated loudness, in dB.
    peak_to_loudness: float
    loudness_range: float
    short_term_max_lufs: float
    gain_db: float
    #: How far the limiter went down at the worst peak.
    limited_db: float
    iterations: int

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


class Master:
    def __init__(
        self, mix: Mix, *, rate: int, reference: Mapping[str, Any] | None = None, strength: float = 0.0
    ) -> None:
        self._mix, self._rate = mix, rate
        self._reference = reference if reference is not None and strength > 0.0 else None
        self._strength = strength
        self._spectrum = Spectrum(rate)
        self._powers: list[Curve] = []
        self._raw, self._toned = Scratch(), Scratch()
        self._edges: Curve | None = None

    def __enter__(self) -> "Master":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()
        self._toned.close()

    def feed(self, mix: Audio) -> None:
        """The next samples of the mix, in blocks of any length."""
        self._raw.append(mix)
        if self._reference is not None:
            self._spectrum.feed(mix)
        whole = mix.shape[1] // HOP * HOP
        if whole:
            self._powers.append(hop_power(mix[:, :whole]))

    def finish(self) -> Report:
        """Decide gain and limiting. Afterwards `blocks` may be asked for, as often as wanted."""
        powers, peaks = self._prepare()
        target = wanted = self._mix.loudness_target
        highest = min(self._mix.true_peak, target + crest_db(self._mix.glue))
        ceiling = ceiling_of(highest)
        for iteration in range(1, MOST_ITERATIONS + 1):
            trial = Trial(powers, peaks, ceiling=ceiling, rate=self._rate)
            self._edges = trial.aim(wanted)
            report = self._measured(self._edges, trial.gain_db, iteration)
            excess = report.true_peak_dbtp - highest
            missing = target - report.integrated_lufs
            if report.integrated_lufs <= SILENCE or (excess <= 0.0 and abs(missing) <= TOLERANCE_LU):
                break
            ceiling *= amplitude(-max(excess + 0.01, 0.0)) if excess > 0.0 else 1.0
            wanted += missing
        return report

    def blocks(self) -> Iterator[Audio]:
        if self._edges is None:
            raise RuntimeError("finish() has to come first")
        for start, block in zip(range(0, self._toned.frames, BLOCK), self._toned.blocks(BLOCK), strict=True):
            hops = -(-block.shape[1] // HOP)
            first = start // HOP
            block *= drawn(self._edges[first : first + hops + 1])[: block.shape[1]]
            yield block

    def _prepare(self) -> tuple[Curve, Curve]:
        """Tone and glue the mix, and note the weighted power and true peak of every hop."""
        bands = self._spectrum.bands_db() if self._reference is not None else None
        tone = Tone(tone_response(self._rate, self._mix.tilt_db, self._reference, bands, self._strength))
        glue = self._glue()
        meter, powers, peaks = Meter(self._rate), [], []
        behind, highest = np.zeros((2, 2 * REACH), dtype=np.float32), 0.0
        for block in tone.process(self._raw):
            count = block.shape[1]
            padded = np.pad(block, ((0, 0), (0, -count % HOP)))
            if glue is not None:
                padded = glue.process(padded)
            self._toned.append(padded[:, :count])
            powers.append(meter.weighted_power(padded).reshape(-1, HOP) @ np.full(HOP, 1 / HOP, dtype=np.float32))
            behind = np.concatenate((behind[:, -2 * REACH :], padded), axis=1)
            # What lies far below the peaks so far is hardly ever limited; if it is, the measuring afterwards finds out.
            highest = max(highest, float(np.abs(padded).max()))
            peaks.append(hop_peaks(behind, floor=0.5 * highest))
        peaks.append(hop_peaks(np.pad(behind[:, -2 * REACH :], ((0, 0), (0, HOP)))))
        return _joined(powers), _shifted(_joined(peaks))

    def _glue(self) -> Compressor | None:
        power = _joined(self._powers)
        heard = power[power > 1e-7]
        if self._mix.glue <= 0.0 or heard.size == 0:
            return None
        level = 10 * np.log10(heard[heard > 0.1 * heard.mean()].mean())
        return Compressor(
            self._rate,
            threshold_db=level + 1.0,
            ratio=1.0 + 0.9 * self._mix.glue,
            attack_seconds=0.03,
            release_db_per_second=18.0,
        )

    def _measured(self, edges: Curve, gain_db: float, iteration: int) -> Report:
        meter, peak = Meter(self._rate), PeakMeter()
        for block in self.blocks():
            meter.feed(block)
            peak.feed(block)
        loudness, true_peak = meter.result(), peak.dbtp()
        return Report(
            integrated_lufs=round(loudness.integrated, 2),
            true_peak_dbtp=round(true_peak, 3),
            peak_to_loudness=round(true_peak - loudness.integrated, 2),
            loudness_range=round(loudness.range, 2),
            short_term_max_lufs=round(loudness.loudest_short_term, 2),
            gain_db=round(gain_db, 2),
            limited_db=deepest_reduction_db(edges, amplitude(gain_db)),
            iterations=iteration,
        )


def _joined(parts: list[Any]) -> Curve:
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(1)


def _shifted(peaks: Curve) -> Curve:
    """Peaks were measured REACH samples late, for want of what follows: each counts for the hop before as well."""
    return np.maximum(peaks[:-1], peaks[1:])
