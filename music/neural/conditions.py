"""What a window is made by, as a loaded MusicGen takes it: words, words to keep away from, and a tune."""

from typing import TYPE_CHECKING, Any

import numpy as np

from music.neural.tune import TONES, chroma
from music.neural.wanted import Wanted

if TYPE_CHECKING:
    import torch

#: In a frame in which a model that follows tunes hears one tone.
TONE_SAMPLES = 4_096


class Conditions:
    def __init__(self, model: Any, tokenizer: Any, *, melodic: bool) -> None:
        self._model, self._tokenizer, self._melodic = model, tokenizer, melodic
        self._rate = int(model.config.audio_encoder.sampling_rate)

    def of(self, wanted: Wanted, start_seconds: float) -> dict[str, Any]:
        """For a window that begins there; arguments of the model's `generate`."""
        # Without guidance nothing is compared, and nothing kept away from.
        avoided = wanted.avoided if wanted.sampling.guidance > 1.0 else ""
        words = [wanted.words, avoided] if avoided else [wanted.words]
        spoken = self._tokenizer(words, return_tensors="pt", padding=True, return_token_type_ids=False)
        spoken = spoken.to(self._model.device)
        if avoided:
            return self._compared(spoken, wanted, start_seconds)
        return {**spoken, **({"input_features": self._tones(wanted, start_seconds)} if self._follows(wanted) else {})}

    def _compared(self, spoken: Any, wanted: Wanted, start_seconds: float) -> dict[str, Any]:
        """Guidance compares with the words to avoid, where it would compare with nothing said."""
        import torch

        mask = spoken["attention_mask"]
        with torch.inference_mode():
            states = self._model.text_encoder(**spoken).last_hidden_state
            asked: dict[str, Any] = {"input_ids": spoken["input_ids"][:1], "attention_mask": mask}
            if not self._melodic:
                return {**asked, "encoder_outputs": (states,)}
            silence = self._shown(np.eye(1, TONES, dtype=np.float32)[None].repeat(self._frames, axis=1))
            tones = self._tones(wanted, start_seconds) if self._follows(wanted) else silence
            heard = self._fitted("audio_enc_to_dec_proj", torch.cat([tones, silence]))
            states = self._fitted("enc_to_dec_proj", states) * mask[..., None]
            return {**asked, "encoder_hidden_states": torch.cat([heard, states], dim=1)}

    def _fitted(self, projection: str, states: "torch.Tensor") -> "torch.Tensor":
        """As wide as the decoder; a model has a projection only where it needs one."""
        project = getattr(self._model, projection, None)
        fitted: torch.Tensor = states if project is None else project(states)
        return fitted

    def _follows(self, wanted: Wanted) -> bool:
        return self._melodic and bool(wanted.tune)

    @property
    def _frames(self) -> int:
        return int(self._model.config.chroma_length)

    def _tones(self, wanted: Wanted, start_seconds: float) -> "torch.Tensor":
        starts = start_seconds + np.arange(self._frames) * TONE_SAMPLES / self._rate
        return self._shown(chroma(wanted.tune, starts)[None])

    def _shown(self, tones: Any) -> "torch.Tensor":
        import torch

        return torch.from_numpy(tones).to(self._model.device, self._model.dtype)
