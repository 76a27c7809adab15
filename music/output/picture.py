"""A picture of a piece: its waveform over its spectrogram, from 30 Hz to 16 kHz, with sections and times."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import fft
from scipy.ndimage import gaussian_filter1d

Audio = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 1200, 500
LEFT, RIGHT = 58, 1180
WAVE_TOP, WAVE_BOTTOM = 50, 190
TONE_TOP, TONE_BOTTOM = 204, 466
COLUMNS = RIGHT - LEFT
WINDOW = 4096
LOW_HZ, HIGH_HZ = 30.0, 16_000.0
#: What is shown of each pixel's power, in dB below the strongest. Highs are raised by so much an octave, as ears do.
SHOWN_DB = 66.0
RAISED_DB_PER_OCTAVE = 3.0

BACKGROUND = (14, 15, 24)
GRID = (58, 61, 82)
WORDS, QUIET_WORDS = (226, 228, 240), (134, 138, 164)
#: From silence to the strongest: night, violet, rose, amber, candle.
HEAT = (
    (0.00, (14, 15, 24)),
    (0.18, (28, 24, 60)),
    (0.40, (86, 36, 122)),
    (0.60, (186, 54, 116)),
    (0.78, (242, 112, 84)),
    (0.92, (252, 190, 106)),
    (1.00, (255, 246, 208)),
)
MARKS_HZ = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


class Picture:
    """Fed with a piece of `total` samples in blocks of any length."""

    def __init__(self, total: int, rate: int) -> None:
        self._total, self._rate = max(total, 1), rate
        self._edges = np.linspace(0, self._total, COLUMNS + 1)
        self._powers = np.zeros((COLUMNS, WINDOW // 2 + 1))
        self._counts = np.zeros(COLUMNS)
        self._lows, self._highs, self._squares = (np.zeros(COLUMNS) for _ in range(3))
        #: As many windows as touch every sample, and no fewer than one for each column.
        self._hop = max(min(self._total // COLUMNS, WINDOW // 2), 1)
        self._window = np.hanning(WINDOW).astype(np.float32)
        self._kept = np.zeros(WINDOW // 2, dtype=np.float32)
        self._centre, self._place = 0, 0

    def feed(self, audio: Audio) -> None:
        self._outline(audio)
        self._spectra(audio.mean(axis=0, dtype=np.float32))

    def png(self, *, title: str = "", details: str = "", sections: Sequence[tuple[float, str]] = ()) -> bytes:
        """`sections` are seconds and names."""
        self._spectra(np.zeros(WINDOW, dtype=np.float32))
        canvas = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
        canvas[:] = BACKGROUND
        canvas[TONE_TOP:TONE_BOTTOM, LEFT:RIGHT] = _heat(self._tone())
        canvas[WAVE_TOP:WAVE_BOTTOM, LEFT:RIGHT] = self._wave()
        image = Image.fromarray(canvas)
        _label(image, self._total / self._rate, title=title, details=details, sections=sections)
        file = BytesIO()
        image.save(file, "PNG", optimize=False, compress_level=6)
        return file.getvalue()

    def _outline(self, audio: Audio) -> None:
        count = min(audio.shape[1], self._total - self._place)
        if count <= 0:
            return
        ends = self._place + count
        columns = np.searchsorted(self._edges, np.arange(self._place, ends), side="right") - 1
        first = np.flatnonzero(np.diff(columns, prepend=-1))
        touched = columns[first]
        left, right = audio[0, :count], audio[1, :count]
        self._lows[touched] = np.minimum(self._lows[touched], np.minimum.reduceat(np.minimum(left, right), first))
        self._highs[touched] = np.maximum(self._highs[touched], np.maximum.reduceat(np.maximum(left, right), first))
        self._squares[touched] += np.add.reduceat(0.5 * (left**2 + right**2), first)
        self._place = ends

    def _spectra(self, signal: npt.NDArray[np.float32]) -> None:
        joined = np.concatenate((self._kept, signal))
        count = max((len(joined) - WINDOW) // self._hop + 1, 0)
        if count:
            rows = np.lib.stride_tricks.sliding_window_view(joined, WINDOW)[:: self._hop][:count]
            centres = self._centre + np.arange(count) * self._hop
            columns = np.minimum((centres * COLUMNS) // self._total, COLUMNS - 1)
            inside = centres < self._total
            self._gather(columns[inside], rows[inside])
            self._centre += count * self._hop
        self._kept = joined[count * self._hop :]

    def _gather(self, columns: npt.NDArray[np.intp], rows: npt.NDArray[np.float32]) -> None:
        if len(rows) == 0:
            return
        parts = fft.rfft(rows * self._window).view(np.float32)
        np.multiply(parts, parts, out=parts)
        power = parts[:, ::2] + parts[:, 1::2]
        first = np.flatnonzero(np.diff(columns, prepend=-1))
        self._powers[columns[first]] += np.add.reduceat(power, first, axis=0)
        self._counts[columns[first]] += np.diff(np.append(first, len(columns)))

    def _tone(self) -> Values:
        """How strong each pixel of the spectrogram is, 0 to 1, the highest frequency first."""
        height = TONE_BOTTOM - TONE_TOP
        powers = self._powers / np.maximum(self._counts, 1.0)[:, None]
        missing = np.flatnonzero(self._counts == 0)
        if missing.size and missing.size < COLUMNS:
            known = np.flatnonzero(self._counts)
            powers[missing] = powers[known[np.minimum(np.searchsorted(known, missing), len(known) - 1)]]
        hertz = np.geomspace(HIGH_HZ, LOW_HZ, height)
        bins = hertz * WINDOW / self._rate
        half = 0.5 * bins * (1 - LOW_HZ ** (1 / height) / HIGH_HZ ** (1 / height))
        sums = np.cumsum(np.pad(powers, ((0, 0), (1, 0))), axis=1)
        reach = np.maximum(half, 0.5)
        places = np.arange(sums.shape[1])
        upper, lower = np.minimum(bins + reach + 0.5, places[-1]), np.maximum(bins - reach + 0.5, 0.0)
        mean = (_between(sums, upper) - _between(sums, lower)) / (upper - lower)
        level = 10 * np.log10(np.maximum(mean, 1e-12)) + RAISED_DB_PER_OCTAVE * np.log2(hertz / 1_000)
        top = np.percentile(level, 99.7)
        shown: Values = np.clip((level - top + SHOWN_DB) / SHOWN_DB, 0.0, 1.0).T
        return shown

    def _wave(self) -> Pixels:
        """Peaks as a shade, the level as the light within, both coloured by how bright the sound is."""
        height = WAVE_BOTTOM - WAVE_TOP
        middle = (height - 1) / 2
        scale = middle / max(float(max(self._highs.max(), -self._lows.min())), 1e-6)
        rows = np.arange(height)[:, None]
        widths = np.maximum(np.diff(self._edges), 1.0)
        level = np.sqrt(self._squares / widths) * scale
        top, bottom = middle - np.maximum(self._highs * scale, 0.5), middle - np.minimum(self._lows * scale, -0.5)
        peak = np.clip(np.minimum(rows - top + 0.5, bottom - rows + 0.5), 0.0, 1.0)
        core = np.clip(level + 0.5 - np.abs(rows - middle), 0.0, 1.0)
        colour = _shade(0.30 + 0.55 * self._brightness())
        light = 0.52 * peak + 0.48 * core * peak
        ground = np.array(BACKGROUND, dtype=np.float64)
        pixels: Pixels = (ground + light[:, :, None] * (colour[None] - ground)).astype(np.uint8)
        return pixels

    def _brightness(self) -> Values:
        frequencies = fft.rfftfreq(WINDOW, 1 / self._rate)
        weighted = self._powers * np.maximum(frequencies, 20.0)
        total = weighted.sum(axis=1)
        octaves = (weighted @ np.log2(np.maximum(frequencies, 20.0) / 100.0)) / np.maximum(total, 1e-12)
        smooth: Values = gaussian_filter1d(np.where(total > 1e-9, octaves, 3.0), 2.5)
        return np.clip((smooth - 0.5) / 6.0, 0.0, 1.0)


def _between(sums: Values, places: Values) -> Values:
    whole = np.floor(places).astype(int)
    part = places - whole
    nearest: Values = sums[:, whole] * (1 - part) + sums[:, np.minimum(whole + 1, sums.shape[1] - 1)] * part
    return nearest


def _shade(strength: Values) -> Values:
    places = [place for place, _ in HEAT]
    return np.stack([np.interp(strength, places, [colour[i] for _, colour in HEAT]) for i in range(3)], axis=-1)


def _heat(strength: Values) -> Pixels:
    table = _shade(np.linspace(0.0, 1.0, 256)).astype(np.uint8)
    return table[(255 * strength).astype(np.uint8)]


def _label(
    image: Image.Image, seconds: float, *, title: str, details: str, sections: Sequence[tuple[float, str]]
) -> None:
    draw = ImageDraw.Draw(image, "RGBA")
    large, small = ImageFont.load_default(17), ImageFont.load_default(12)
    draw.text((LEFT, 22), _written(title), font=large, fill=WORDS, anchor="lm")
    draw.text((RIGHT, 22), _written(details), font=small, fill=QUIET_WORDS, anchor="rm")
    for hertz in MARKS_HZ:
        y = TONE_TOP + (TONE_BOTTOM - TONE_TOP) * np.log(HIGH_HZ / hertz) / np.log(HIGH_HZ / LOW_HZ)
        draw.line((LEFT - 5, y, LEFT - 1, y), fill=GRID)
        name = f"{hertz // 1000} kHz" if hertz >= 1000 else f"{hertz} Hz"
        draw.text((LEFT - 9, y), name, font=small, fill=QUIET_WORDS, anchor="rm")
    for second in _times(seconds):
        x = LEFT + COLUMNS * second / seconds
        draw.line((x, TONE_BOTTOM + 1, x, TONE_BOTTOM + 5), fill=GRID)
        draw.text(
            (x, TONE_BOTTOM + 17),
            f"{int(second) // 60}:{int(second) % 60:02d}",
            font=small,
            fill=QUIET_WORDS,
            anchor="mm",
        )
    for second, name in sections:
        if second < seconds:
            x = LEFT + COLUMNS * second / seconds
            draw.line((x, WAVE_TOP - 8, x, TONE_BOTTOM), fill=(255, 255, 255, 46))
            draw.text((x + 5, WAVE_TOP - 4), _written(name), font=small, fill=QUIET_WORDS, anchor="lm")


def _written(text: str) -> str:
    """Pillow's own font has no minus sign."""
    return text.replace("\N{MINUS SIGN}", "\N{EN DASH}")


def _times(seconds: float) -> list[float]:
    step = next((step for step in (1, 2, 5, 10, 15, 30, 60, 120) if seconds / step <= 12), 300)
    return [
        float(second)
        for second in range(0, int(seconds) + 1, step)
        if second <= seconds - 0.02 * seconds or second == 0
    ]
