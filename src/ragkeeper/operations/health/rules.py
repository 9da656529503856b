"""What the states of the parts mean for the whole. No I/O."""

from collections.abc import Mapping

from ragkeeper.operations.health.models import CapabilityState, ComponentState, ProbeResult

# Without its truth the server can confirm no hit, and so serve nothing.
_INDISPENSABLE = frozenset({"database"})
_FINE = frozenset({ComponentState.HEALTHY, ComponentState.NOT_CONFIGURED})

# What the server can do: the parts it cannot do it without, and those that make it better.
_CAPABILITIES = {
    "retrieve": (frozenset({"database", "vector_db"}), frozenset({"embedder"})),
    "generate": (frozenset({"database", "vector_db"}), frozenset({"embedder", "llm_service"})),
    "ingest": (frozenset({"database"}), frozenset({"vector_db", "embedder"})),
    "admin": (frozenset({"database"}), frozenset[str]()),
}


def capabilities(components: Mapping[str, ProbeResult]) -> dict[str, CapabilityState]:
    """What can be done with the parts as they are; nothing while none was looked at."""
    unwell = {name for name, result in components.items() if result.state not in _FINE}
    broken = {name for name in unwell if components[name].state is ComponentState.UNHEALTHY}
    states = {}
    for name, (needed, helpful) in _CAPABILITIES.items():
        if not components or needed & broken:
            states[name] = CapabilityState.DOWN
        else:
            states[name] = CapabilityState.DEGRADED if (needed | helpful) & unwell else CapabilityState.OK
    return states


def overall(components: Mapping[str, ProbeResult]) -> ComponentState:
    if any(components[name].state is ComponentState.UNHEALTHY for name in _INDISPENSABLE if name in components):
        return ComponentState.UNHEALTHY
    if all(result.state in _FINE for result in components.values()):
        return ComponentState.HEALTHY
    return ComponentState.DEGRADED
