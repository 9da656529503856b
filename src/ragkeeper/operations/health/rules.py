"""What the states of the parts mean for the whole. No I/O."""

from collections.abc import Mapping

from ragkeeper.operations.health.models import ComponentState, ProbeResult

# Without its truth the server can confirm no hit, and so serve nothing.
_INDISPENSABLE = frozenset({"database"})
_FINE = frozenset({ComponentState.HEALTHY, ComponentState.NOT_CONFIGURED})


def overall(components: Mapping[str, ProbeResult]) -> ComponentState:
    if any(components[name].state is ComponentState.UNHEALTHY for name in _INDISPENSABLE if name in components):
        return ComponentState.UNHEALTHY
    if all(result.state in _FINE for result in components.values()):
        return ComponentState.HEALTHY
    return ComponentState.DEGRADED
