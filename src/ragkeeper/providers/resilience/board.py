"""All guards of a process, by name: what health and administrators look at."""

from collections.abc import Callable

from ragkeeper.providers.resilience.guard import Guard
from ragkeeper.providers.resilience.models import BreakerKey, ProviderState


class Board:
    def __init__(self) -> None:
        self._guards: dict[BreakerKey, Guard] = {}

    def guard(self, key: BreakerKey, make: Callable[[], Guard]) -> Guard:
        """The guard of this key, made where there is none yet: a model opened twice is one to its provider."""
        if key not in self._guards:
            self._guards[key] = make()
        return self._guards[key]

    def guards(self) -> tuple[Guard, ...]:
        return tuple(self._guards.values())

    def find(self, name: str) -> list[Guard]:
        """By `provider:operation`, or all of a provider."""
        return [guard for key, guard in self._guards.items() if name in {key.name, key.provider}]

    def usable(self) -> dict[tuple[str, str], bool]:
        """Whether each model can be used, by provider and model."""
        found: dict[tuple[str, str], bool] = {}
        for key, guard in self._guards.items():
            name = (key.provider, key.model)
            found[name] = found.get(name, True) and guard.well
        return found

    async def states(self) -> list[ProviderState]:
        return [await guard.state() for guard in self.guards()]
