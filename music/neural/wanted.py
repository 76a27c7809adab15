"""What a sampled model is asked for: of a plan, all that it understands."""

from dataclasses import dataclass

from music.neural.heard import prompt_of
from music.neural.prompting import avoided_text, prompt_text
from music.neural.sampling import Sampling, sampling_of
from music.neural.tune import Tune, tune_of
from music.neural.windows import Audio
from music.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    words: str
    #: Words for what it should not sound like; empty for none.
    avoided: str = ""
    seconds: float
    seed: int
    sampling: Sampling
    #: (channels, samples) at the model's rate, to go on from; not heard again.
    prompt: Audio | None = None
    #: For models that can follow one.
    tune: Tune = ()


def wanted(plan: Plan, *, seed: int | None, excerpt: Audio | None, rate: int, model_rate: int) -> Wanted:
    return Wanted(
        words=prompt_text(plan),
        avoided=avoided_text(plan),
        seconds=plan.duration_seconds,
        seed=plan.seed if seed is None else seed,
        sampling=sampling_of(plan),
        prompt=prompt_of(plan, excerpt, rate, model_rate),
        tune=tune_of(plan),
    )
