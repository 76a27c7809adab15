"""MusicGen through transformers: words in, windows of sound out.

Chance is torch's own and belongs to the whole process, so one piece is generated at a time. Progress and cancelling
hang on the one thing that transformers asks at every step, a stopping criterion: it reports, and whoever is told may
raise. Saying stop instead would make transformers decode what there is, which takes a while and is thrown away.
"""

import json
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from music.neural.choice import EngineError, check_packages
from music.neural.sampling import Sampling
from music.neural.windows import Audio, Joiner, Reach, Window, windows

if TYPE_CHECKING:
    import torch

KIND = "musicgen"


class MusicGen:
    """A loaded model. `generate` must not be called while it runs."""

    def __init__(self, model: Any, tokenizer: Any, *, reach: Reach | None = None) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._reach = reach or Reach()
        codec = model.config.audio_encoder
        self.sample_rate = int(codec.sampling_rate)
        self.hop = int(np.prod(codec.upsampling_ratios))
        self.channels = int(model.config.decoder.audio_channels)
        # The codebooks of a frame come one step after another: the last ones of a window need steps of their own.
        self._delay = int(model.config.decoder.num_codebooks) // self.channels - 1

    @classmethod
    def load(cls, directory: Path, device: str = "auto", *, reach: Reach | None = None) -> "MusicGen":
        """Raises EngineError, saying what to do, when the weights cannot be used here."""
        _check_kind(directory)
        check_packages()
        # Nothing is ever asked of a hub, whatever a configuration names.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        import torch
        from transformers import AutoTokenizer, MusicgenForConditionalGeneration

        place = _device(device, cuda=torch.cuda.is_available())
        half = torch.float16 if place == "cuda" else torch.float32
        try:
            tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
            model = MusicgenForConditionalGeneration.from_pretrained(directory, local_files_only=True, dtype=half)
        except Exception as error:  # whatever a file can be wrong in: the start ends with this line
            raise EngineError(f"MUSCGEN_MODEL_DIR: {directory} cannot be loaded: {error}") from error
        # Half of the precision is heard in the codec, and hardly anything is gained there.
        model.audio_encoder.float()
        return cls(model.to(place).eval(), tokenizer, reach=reach)

    def generate(
        self, words: str, seconds: float, seed: int, sampling: Sampling, on_step: Callable[[float], None]
    ) -> Generator[Audio, None, None]:
        """Yield (channels, samples) at `sample_rate`, window by window, together at least `seconds`.

        `on_step` is told the finished share before every step, and may raise, which ends all.
        """
        import torch

        torch.manual_seed(seed)
        total = -(-round(seconds * self.sample_rate) // self.hop)
        joiner = Joiner(self._frames(self._reach.seam_seconds) * self.hop)
        plan = windows(
            total, longest=self._frames(self._reach.longest_seconds), carried=self._frames(self._reach.carried_seconds)
        )
        decoded = np.zeros((self.channels, 0), dtype=np.float32)
        for window in plan:
            steps = _steps(window, self._delay, total, on_step)
            decoded = self._window(words, window, decoded, sampling, steps)
            yield joiner.join(decoded, window.carried * self.hop, last=window.end == total)

    def _frames(self, seconds: float) -> int:
        return round(seconds * self.sample_rate / self.hop)

    def _window(self, words: str, window: Window, before: Audio, sampling: Sampling, steps: Iterator[None]) -> Audio:
        import torch

        asked: dict[str, Any] = dict(self._tokenizer([words], return_tensors="pt", return_token_type_ids=False))
        if window.carried:
            heard = np.ascontiguousarray(before[None, :, -window.carried * self.hop :])
            asked["input_values"] = torch.from_numpy(heard)
        with torch.inference_mode():
            values = self._model.generate(
                **{name: value.to(self._model.device) for name, value in asked.items()},
                **_drawn(sampling),
                max_new_tokens=window.new + self._delay,
                stopping_criteria=_criteria(steps),
            )
        decoded: Audio = values[0].float().cpu().numpy()
        wanted = (window.carried + window.new) * self.hop
        if decoded.shape != (self.channels, wanted):
            raise RuntimeError(f"MusicGen gave {decoded.shape}, not {(self.channels, wanted)}; is transformers pinned?")
        return decoded


def _steps(window: Window, delay: int, total: int, on_step: Callable[[float], None]) -> Iterator[None]:
    """Advanced once a step of the model."""
    done = window.start + window.carried
    for step in range(window.new + delay):
        on_step((done + window.new * step / (window.new + delay)) / total)
        yield


def _criteria(steps: Iterator[None]) -> Sequence[Any]:
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Report(StoppingCriteria):  # type: ignore[misc]
        def __call__(self, input_ids: "torch.Tensor", scores: Any, **_: Any) -> "torch.Tensor":
            next(steps, None)
            return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)

    criteria: Sequence[Any] = StoppingCriteriaList([Report()])
    return criteria


def _drawn(sampling: Sampling) -> dict[str, Any]:
    guided = {"guidance_scale": sampling.guidance if sampling.guidance > 1.0 else None}
    if sampling.temperature == 0.0:
        return {**guided, "do_sample": False}
    return {
        **guided,
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        # Here 0 is as good as 1; transformers knows only the latter.
        "top_p": sampling.top_p or 1.0,
    }


def _check_kind(directory: Path) -> None:
    try:
        kind = json.loads((directory / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise EngineError(f"MUSCGEN_MODEL_DIR: {directory}/config.json cannot be read: {error}") from error
    if kind != KIND:
        raise EngineError(
            f"MUSCGEN_MODEL_DIR: {directory} holds a {kind!r:.40}, not a {KIND!r}; take facebook/musicgen-small, "
            "-medium, -large or one of their stereo versions."
        )


def _device(wanted: str, *, cuda: bool) -> str:
    if wanted == "cuda" and not cuda:
        raise EngineError("MUSCGEN_DEVICE=cuda, but torch finds no GPU here; set it to auto or cpu.")
    return ("cuda" if cuda else "cpu") if wanted == "auto" else wanted
