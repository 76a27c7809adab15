"""How many attempts may use a model at a time, over the whole fleet. Pure: no clock, no I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping

from tutti.v1 import scheduler_pb2


class ModelLimits:
    def __init__(self, limits: Mapping[str, int]) -> None:
        """Attempts at a time by model; a model that is not named has no limit."""
        self._limits = limits
        #: Limited models that a kind needs.
        self._models: dict[str, tuple[str, ...]] = {}
        self._running: Counter[str] = Counter()

    def learn(self, kinds: Iterable[scheduler_pb2.KindInfo]) -> list[str]:
        """Note which models kinds need, as the latest worker says. Returns the kinds that need others than before."""
        changed = []
        for kind in kinds:
            models = tuple(model for model in kind.models if model in self._limits)
            if self._models.get(kind.kind, ()) != models:
                self._models[kind.kind] = models
                changed.append(kind.kind)
        return changed

    def models_of(self, kind: str) -> tuple[str, ...]:
        """The limited models that a kind needs."""
        return self._models.get(kind, ())

    def began(self, models: Iterable[str]) -> list[str]:
        """An attempt uses these models. Returns the kinds that came to a limit by it."""
        self._running.update(models)
        return self._kinds_of(model for model in models if self._running[model] >= self._limits[model])

    def ended(self, models: Iterable[str]) -> list[str]:
        """An attempt uses these models no more. Returns the kinds that may be placed again."""
        self._running.subtract(models)
        return [kind for kind in self._kinds_of(models) if not self.is_reached(kind)]

    def is_reached(self, kind: str) -> bool:
        return any(self._running[model] >= self._limits[model] for model in self.models_of(kind))

    def _kinds_of(self, models: Iterable[str]) -> list[str]:
        wanted = set(models)
        return [kind for kind, needs in self._models.items() if not wanted.isdisjoint(needs)] if wanted else []
