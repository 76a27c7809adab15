"""The engines that render, behind one face: a plan in, parts out, some of them only to say how far it is.

The procedural engine plays stem by stem. A sampled model makes the whole mix at once, which is answered as the first of
the plan's stems and marked as `whole`; the others have nothing to add and say so at once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from music.engine import ENGINE
from music.neural.choice import MUSICGEN, read_choice
from music.plan import STEMS, Plan
from music.rendering import render
from music.synth.signals import Audio

if TYPE_CHECKING:
    from music.neural.musicgen import MusicGen

#: What a sampled engine is called in headers; the next number where the same weights and seed sound different.
SAMPLED = f"{MUSICGEN}/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    plan: Plan
    #: None for all that the plan has something to play for.
    stems: tuple[str, ...] | None
    seed: int | None
    sample_rate: int
    first_section: int
    #: (channels, samples) at the same rate, for engines that listen to what they go on from.
    excerpt: Audio | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    #: Counted over the whole render, also where it began later.
    index: int
    stem: str
    section: int
    section_name: str
    last_of_section: bool
    #: Of the first sample, from the start of the track.
    offset: int
    fraction: float
    #: (channels, samples), float32 within ±1.
    audio: Audio


class Engine(Protocol):
    #: As it stands in headers.
    name: str
    #: So many renders may run at the same time.
    at_once: int
    #: Whether what it plays is the mix and not a stem of it.
    whole: bool

    def plays(self, order: Order) -> bool:
        """Whether there is anything to hear among the stems that are asked for."""

    def render(self, order: Order, on_step: Callable[[float], None]) -> Iterator[Part]:
        """`on_step` is told the finished share now and then between two parts, and may raise to end it."""


def load(environment: Mapping[str, str]) -> Engine:
    """The engine that the environment names, ready to play; raises EngineError when it cannot be had."""
    choice = read_choice(environment)
    if choice.engine != MUSICGEN:
        return Procedural()
    from music.neural.musicgen import MusicGen

    return Sampled(MusicGen.load(choice.directory, choice.device))


class Procedural:
    name, whole = ENGINE, False
    #: One holds up to 60 MB; the wave tables, up to 90 MB, are shared.
    at_once = 16

    def plays(self, order: Order) -> bool:
        return True

    def render(self, order: Order, on_step: Callable[[float], None]) -> Iterator[Part]:
        pieces = render(
            order.plan,
            stems=order.stems,
            seed=order.seed,
            rate=order.sample_rate,
            first_section=order.first_section,
        )
        for piece in pieces:
            yield Part(
                index=piece.index,
                stem=piece.stem,
                section=piece.section,
                section_name=piece.section_name,
                last_of_section=piece.last_of_section,
                offset=piece.offset,
                fraction=piece.fraction,
                audio=piece.audio,
            )


class Sampled:
    name, whole = SAMPLED, True
    #: Chance belongs to the process: two at once would take each other's.
    at_once = 1

    def __init__(self, model: "MusicGen") -> None:
        self._model = model

    def plays(self, order: Order) -> bool:
        # Of a plan in parts, the other parts are silent: each render has one of them, and knows no more than that.
        return order.plan.leads is not False and (order.stems is None or carrier(order.plan) in order.stems)

    def render(self, order: Order, on_step: Callable[[float], None]) -> Iterator[Part]:
        from music.neural.rendering import render as render_mix

        mix = render_mix(
            order.plan,
            self._model,
            seed=order.seed,
            rate=order.sample_rate,
            first_section=order.first_section,
            on_step=on_step,
            excerpt=order.excerpt,
        )
        for cut in mix:
            yield Part(
                index=cut.index,
                stem=carrier(order.plan),
                section=cut.section,
                section_name=cut.section_name,
                last_of_section=cut.last_of_section,
                offset=cut.offset,
                fraction=cut.fraction,
                audio=cut.audio,
            )


def carrier(plan: Plan) -> str:
    """The stem under which a whole mix is answered: of those that every render of this plan knows, the first."""
    return plan.stems[0] if plan.stems else STEMS[0]
