"""What a strip does that is linear: equaliser, echoes, reverb, width, place, and one bass for both ears. All of it is
one response from two channels to two, which the convolver applies."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.signal import butter, sosfilt

from music import seeds
from music.mix.blocks import BLOCK, amplitude
from music.mix.equalise import Equaliser, Response, strip_response
from music.mix.spaces import impulse, space_of
from music.plan import Strip

FFT = 2 * BLOCK
LATE_BINS = FFT // 4
Spectra = npt.NDArray[np.complex64]
#: Lows are the same on both sides below this.
MONO_HZ = 130.0
#: No echo or reverb lasts longer.
LONGEST_BLOCKS = 6
#: Of echo and reverb at full amount, against the dry sound.
ECHO_LEVEL, REVERB_LEVEL = 0.9, 1.0
ECHO_FEEDBACK = 0.45
FEWEST_ECHOES_DB = -46.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A response cut into blocks. The first takes both channels to both; what comes later hears their sum only, and
    only below `LATE_BINS`: by then the highs are gone from every room."""

    #: Output, input, frequency.
    first: Spectra
    #: Output, frequency: what the first does to a sound that is the same on both channels.
    centred: Spectra
    #: Block, output, frequency.
    later: Spectra


def network(strip: Strip, *, stem: str, genre: str, seconds_per_beat: float, rate: int) -> Network:
    dry = _dry(strip, stem, rate)
    wet = _wet(strip, stem=stem, genre=genre, seconds_per_beat=seconds_per_beat, rate=rate)
    if wet is not None:
        dry = dry + wet[0][:, None, :]
    first = (amplitude(strip.gain_db) * dry).astype(np.complex64)
    later = np.zeros((0, 2, LATE_BINS), dtype=np.complex64)
    if wet is not None:
        later = np.float32(amplitude(strip.gain_db)) * wet[1:, :, :LATE_BINS]
    return Network(first=first, centred=first.sum(axis=1), later=later)


def _dry(strip: Strip, stem: str, rate: int) -> Response:
    tone = strip_response(FFT, rate, stem=stem, low_cut_hz=strip.low_cut_hz, high_cut_hz=strip.high_cut_hz)
    # Middle and side as they leave the width: more than was rendered is drawn from the middle too, through a response
    # that only scatters its phases and so is not heard in mono.
    side_of_side = min(strip.width, 1.0) + 0.5 * max(strip.width - 1.0, 0.0)
    side_of_middle = 0.55 * max(strip.width - 1.0, 0.0) * _scatter(rate)
    angle = (strip.pan + 1) * np.pi / 4
    left, right = np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)
    matrix = np.empty((2, 2, FFT // 2 + 1), dtype=np.complex128)
    for source, sign in ((0, 1.0), (1, -1.0)):
        middle, side = 0.5, 0.5 * (sign * side_of_side + side_of_middle)
        on_left, on_right = left * (middle + side), right * (middle - side)
        both, between = 0.5 * (on_left + on_right), 0.5 * _apart(rate) * (on_left - on_right)
        matrix[0, source], matrix[1, source] = tone * (both + between), tone * (both - between)
    return matrix


@lru_cache(maxsize=4)
def _apart(rate: int) -> Response:
    """How far both sides may differ."""
    return Equaliser(FFT, rate).low_cut(MONO_HZ, order=3).response


@lru_cache(maxsize=4)
def _scatter(rate: int) -> Response:
    """A short burst of sparse echoes: about as loud as what goes in at every frequency above the bass."""
    draw = seeds.generator(0, "scatter")
    taps = np.zeros(FFT, dtype=np.float64)
    places = (rate * np.sort(draw.uniform(0.002, 0.022, 14))).astype(int)
    taps[places] = draw.choice((-1.0, 1.0), len(places)) * np.exp(-np.arange(len(places)) / 6)
    result: Response = fft.rfft(taps / np.sqrt((taps**2).sum()))
    return result


def _wet(strip: Strip, *, stem: str, genre: str, seconds_per_beat: float, rate: int) -> Spectra | None:
    """Echo and reverb of the sum of both channels, as spectra of blocks; nothing if there is neither."""
    echoes = _echoes(seconds_per_beat, rate) * np.float32(ECHO_LEVEL * strip.delay) if strip.delay > 0.0 else None
    if strip.reverb > 0.0:
        space = impulse(space_of(genre, stem), rate) * np.float32(REVERB_LEVEL * strip.reverb)
    elif echoes is None:
        return None
    else:
        space = np.zeros((2, 1), dtype=np.float32)
    count = max(space.shape[1], 0 if echoes is None else echoes.shape[1])
    blocks = min(-(-count // BLOCK), LONGEST_BLOCKS)
    response = np.zeros((2, blocks * BLOCK), dtype=np.float32)
    for part in (space, echoes):
        if part is not None:
            kept = min(part.shape[1], response.shape[1])
            response[:, :kept] += part[:, :kept]
    response *= np.float32(0.5)  # of the sum of two channels
    response = _cut(response, strip, rate)
    cut = response.reshape(2, blocks, BLOCK).transpose(1, 0, 2)
    spectra: Spectra = fft.rfft(cut, FFT)
    return spectra


def _cut(response: npt.NDArray[np.float32], strip: Strip, rate: int) -> npt.NDArray[np.float32]:
    """What is sent away has been through the strip's filters too; its bells would not be missed."""
    sections = []
    if strip.low_cut_hz > 0.0:
        sections.append(butter(2, strip.low_cut_hz, "highpass", fs=rate, output="sos"))
    if 0.0 < strip.high_cut_hz < 0.45 * rate:
        sections.append(butter(2, strip.high_cut_hz, fs=rate, output="sos"))
    if not sections:
        return response
    filtered: npt.NDArray[np.float32] = sosfilt(np.concatenate(sections), response, axis=1).astype(np.float32)
    return filtered


def _echoes(seconds_per_beat: float, rate: int) -> npt.NDArray[np.float32]:
    """Dotted eighths that go from side to side, each duller and softer than the one before."""
    step = 0.75 * seconds_per_beat
    while step > 0.62:  # slow music: a beat and a half would be heard as a mistake
        step /= 2
    spacing = round(step * rate)
    repeats = int(min(FEWEST_ECHOES_DB / (20 * np.log10(ECHO_FEEDBACK)), LONGEST_BLOCKS * BLOCK / spacing - 0.1))
    length = 2_048
    tone = Equaliser(length, rate).low_cut(260.0, order=1).high_cut(3_800.0, order=1).response
    passed = tone.copy()
    echoes = np.zeros((2, spacing * repeats + length), dtype=np.float32)
    for repeat in range(1, repeats + 1):
        sound = ECHO_FEEDBACK ** (repeat - 1) * fft.irfft(passed, length)
        near, far = (0, 1) if repeat % 2 else (1, 0)
        echoes[near, spacing * repeat :][:length] += sound
        echoes[far, spacing * repeat :][:length] += 0.3 * sound
        passed = passed * tone
    return echoes
