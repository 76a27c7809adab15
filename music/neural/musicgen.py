"""MusicGen through transformers: words in, windows of sound out.

Chance is torch's own and belongs to the whole process, so one piece is generated at a time. Progress and cancelling
hang on the one thing that transformers asks at every step, a stopping criterion: it reports, and whoever is told may
raise. Saying stop instead would make transformers decode what there is, which takes a while and is thrown away.
"""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from music.neural.choice import MELODY, EngineError, check_packages, kind_of
from music.neural.conditions import Conditions
from music.neural.sampling import Sampling
from music.neural.wanted import Wanted
from music.neural.windows import Audio, Joiner, Reach, Window, windows

if TYPE_CHECKING:
    import torch


class MusicGen:
    """A loaded model. `generate` must not be called while it runs."""

    def __init__(self, model: Any, tokenizer: Any, *, reach: Reach | None = None) -> None:
        self._model = model
        self._reach = reach or Reach()
        codec = model.config.audio_encoder
        self.sample_rate = int(codec.sampling_rate)
        self.hop = int(np.prod(codec.upsampling_ratios))
        self.channels = int(model.config.decoder.audio_channels)
        # The codebooks of a frame come one step after another: the last ones of a window need steps of their own.
        self._delay = int(model.config.decoder.num_codebooks) // self.channels - 1
        self._conditions = Conditions(model, tokenizer, melodic=model.config.model_type == MELODY)

    @classmethod
    def load(cls, directory: Path, device: str = "auto", *, reach: Reach | None = None) -> "MusicGen":
        """Raises EngineError, saying what to do, when the weights cannot be used here."""
        kind = kind_of(directory)
        check_packages()
        # Nothing is ever asked of a hub, whatever a configuration names.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        import torch
        from transformers import AutoTokenizer, MusicgenForConditionalGeneration

        place = _device(device, cuda=torch.cuda.is_available())
        half = torch.float16 if place == "cuda" else torch.float32
        try:
            tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
            of_kind = _melodic() if kind == MELODY else MusicgenForConditionalGeneration
            model = of_kind.from_pretrained(directory, local_files_only=True, dtype=half)
        except Exception as error:  # whatever a file can be wrong in: the start ends with this line
            raise EngineError(f"MUSCGEN_MODEL_DIR: {directory} cannot be loaded: {error}") from error
        # Half of the precision is heard in the codec, and hardly anything is gained there.
        model.audio_encoder.float()
        return cls(model.to(place).eval(), tokenizer, reach=reach)

    def generate(self, wanted: Wanted, on_step: Callable[[float], None]) -> Generator[Audio, None, None]:
        """Yield (channels, samples) at `sample_rate`, window by window, together at least `wanted.seconds`.

        It goes on from the end of the prompt, as far as it can look back. `on_step` is told the finished share before
        every step, and may raise, which ends all.
        """
        import torch

        torch.manual_seed(wanted.seed)
        total = ceil(round(wanted.seconds * self.sample_rate) / self.hop)
        joiner = Joiner(self._frames(self._reach.seam_seconds) * self.hop)
        longest, carried = self._frames(self._reach.longest_seconds), self._frames(self._reach.carried_seconds)
        decoded = self._prompt(wanted.prompt, carried)
        plan = windows(total, longest=longest, carried=carried, heard=decoded.shape[1] // self.hop)
        for window in plan:
            steps = _steps(window, self._delay, total, on_step)
            decoded = self._window(wanted, window, decoded, steps)
            yield joiner.join(decoded, window.carried * self.hop, last=window.end == total)

    def _prompt(self, audio: Audio | None, most_frames: int) -> Audio:
        """The last whole frames of it, in the channels of the codec."""
        if audio is None:
            return np.zeros((self.channels, 0), dtype=np.float32)
        mixed = audio.mean(axis=0, keepdims=True) if self.channels == 1 else audio
        frames = min(audio.shape[1] // self.hop, most_frames)
        return mixed[:, audio.shape[1] - frames * self.hop :]

    def _frames(self, seconds: float) -> int:
        return round(seconds * self.sample_rate / self.hop)

    def _window(self, wanted: Wanted, window: Window, before: Audio, steps: Iterator[None]) -> Audio:
        import torch

        asked = self._conditions.of(wanted, window.start * self.hop / self.sample_rate)
        if window.carried:
            asked["decoder_input_ids"] = self._codes(before[:, -window.carried * self.hop :])
        with torch.inference_mode():
            values = self._model.generate(
                **asked,
                **_drawn(wanted.sampling),
                max_new_tokens=window.new + self._delay,
                stopping_criteria=_criteria(steps),
            )
        decoded: Audio = values[0].float().cpu().numpy()
        due = (self.channels, (window.carried + window.new) * self.hop)
        if decoded.shape != due:
            raise RuntimeError(f"MusicGen gave {decoded.shape}, not {due}; is transformers pinned?")
        return decoded

    def _codes(self, audio: Audio) -> "torch.Tensor":
        """(codebooks, frames); of two channels, their codebooks in turn."""
        import torch

        heard = torch.from_numpy(np.ascontiguousarray(audio[:, None]))
        with torch.inference_mode():
            codes = self._model.audio_encoder.encode(heard.to(self._model.device)).audio_codes[0]
        return codes.permute(1, 0, 2).reshape(-1, codes.shape[2])


def _melodic() -> Any:
    """The model that follows tunes, made to listen: that of the pinned transformers takes the cache of the first step,
    which is there and empty, for that of a later one, and drops words and tune before anything has heard them."""
    from transformers import MusicgenMelodyForConditionalGeneration

    class Melodic(MusicgenMelodyForConditionalGeneration):  # type: ignore[misc]
        def prepare_inputs_for_generation(self, *given: Any, **kwargs: Any) -> dict[str, Any]:
            prepared: dict[str, Any] = super().prepare_inputs_for_generation(*given, **kwargs)
            cache = kwargs.get("past_key_values")
            if cache is not None and cache.get_seq_length() == 0:
                prepared["encoder_hidden_states"] = kwargs.get("encoder_hidden_states")
            return prepared

    return Melodic


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


def _device(wanted: str, *, cuda: bool) -> str:
    if wanted == "cuda" and not cuda:
        raise EngineError("MUSCGEN_DEVICE=cuda, but torch finds no GPU here; set it to auto or cpu.")
    return ("cuda" if cuda else "cpu") if wanted == "auto" else wanted
