"""From the metrics of a running process to who used what. No I/O, no clock."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric as Family

from ragkeeper.core.figures.machine import PROCESS_CPU, PROCESS_MEMORY
from ragkeeper.core.figures.work import DOCUMENTS_PROCESSED, UPLOADS
from ragkeeper.core.metrics import REQUESTS_BY_CALLER
from ragkeeper.operations.usage.models import Intake, ProcessUse, RouteUse

# What asks how the server is, and what no route answers, says nothing about how it is used.
_NOT_OF_USERS = ("/health", "/metrics", "/status", "unknown")
# The client saw these fail at once; what was accepted is counted when it has been read.
_TURNED_AWAY = ("refused", "failed")


def routes(families: Iterable[Family]) -> list[RouteUse]:
    """The most used first."""
    found: dict[str, Counter[str]] = {}
    for family in families:
        for sample in family.samples:
            if sample.name == REQUESTS_BY_CALLER.name and not sample.labels["path"].startswith(_NOT_OF_USERS):
                found.setdefault(sample.labels["path"], Counter())[sample.labels["caller"]] += int(sample.value)
    used = [
        RouteUse(path, callers.total(), {who: n for who, n in callers.items() if n}) for path, callers in found.items()
    ]
    return sorted((one for one in used if one.requests), key=lambda one: (-one.requests, one.path))


def intake(families: Iterable[Family]) -> Intake:
    """Contents that nobody wants any more are neither."""
    ok, unsuccessful = 0, Counter[str]()
    for family in families:
        for sample in family.samples:
            result, code = sample.labels.get("result"), sample.labels.get("code", "")
            if sample.name == DOCUMENTS_PROCESSED.name and result == "ok":
                ok += int(sample.value)
            elif (sample.name == DOCUMENTS_PROCESSED.name and result == "failed") or (
                sample.name == UPLOADS.name and result in _TURNED_AWAY
            ):
                unsuccessful[code] += int(sample.value)
    return Intake(ok, dict(+unsuccessful))


def processes(families: Iterable[Family]) -> dict[str, ProcessUse]:
    """By role, as it was when somebody last looked: at most ten seconds ago."""
    cpu: dict[str, float] = {}
    memory: dict[str, float] = {}
    for family in families:
        for sample in family.samples:
            if sample.name == PROCESS_CPU.name:
                cpu[sample.labels["role"]] = sample.value
            elif sample.name == PROCESS_MEMORY.name:
                memory[sample.labels["role"]] = sample.value
    return {role: ProcessUse(round(cpu[role], 2), int(memory[role])) for role in cpu if role in memory}
