"""What the states of the parts mean for the whole. No I/O."""

import re
from collections.abc import Mapping

from ragkeeper.operations.health.models import Capability, CapabilityState, ComponentState, ProbeResult

Parts = frozenset[str]

# Without its truth the server can confirm no hit, and so serve nothing.
_INDISPENSABLE = frozenset({"database"})
_FINE = frozenset({ComponentState.HEALTHY, ComponentState.NOT_CONFIGURED})

# `scheme://user:password@host`; only the password goes, the rest helps to find what is wrong.
_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")

# What the server can do: the parts it cannot do it without, and those that make it better.
_CAPABILITIES = {
    # Without the index, words are looked for in the database.
    "retrieve": (frozenset({"database"}), frozenset({"vector_db", "embedder"})),
    "generate": (frozenset({"database"}), frozenset({"vector_db", "embedder", "llm_service"})),
    "ingest": (frozenset({"database"}), frozenset({"vector_db", "embedder", "worker"})),
    "admin": (frozenset({"database"}), Parts()),
}


def capabilities(components: Mapping[str, ProbeResult]) -> dict[str, Capability]:
    """What can be done with the parts as they are; nothing while none was looked at."""
    return {name: _capability(components, needed, helpful) for name, (needed, helpful) in _CAPABILITIES.items()}


def overall(components: Mapping[str, ProbeResult]) -> ComponentState:
    if any(components[name].state is ComponentState.UNHEALTHY for name in _INDISPENSABLE if name in components):
        return ComponentState.UNHEALTHY
    if all(_fine(result) for result in components.values()):
        return ComponentState.HEALTHY
    return ComponentState.DEGRADED


def without_passwords(text: str) -> str:
    """A reason with the passwords of the addresses in it blotted out."""
    return _PASSWORD.sub(r"\1***@", text)


def _capability(components: Mapping[str, ProbeResult], needed: Parts, helpful: Parts) -> Capability:
    if not components:
        return Capability(CapabilityState.DOWN)
    unwell = tuple(sorted(name for name in needed | helpful if name in components and not _fine(components[name])))
    if any(components[name].state is ComponentState.UNHEALTHY for name in needed & set(unwell)):
        return Capability(CapabilityState.DOWN, unwell)
    return Capability(CapabilityState.DEGRADED if unwell else CapabilityState.OK, unwell)


def _fine(result: ProbeResult) -> bool:
    return result.state in _FINE
