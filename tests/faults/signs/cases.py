"""Which fault is shown by what: the table that the runs prove."""

from dataclasses import dataclass, replace

from tests.faults.alerts.faults import FAULTS as INSIDE
from tests.faults.dependencies.faults import FAULTS as BESIDE
from tests.faults.dependencies.scene import Needs as OuterNeeds
from tests.faults.signs.faults import OF_MACHINE
from tests.faults.signs.stage import Fault, Place

# So that a scrape has time to answer on a machine that runs all of this and the doctor beside it.
_SCALE = 0.1
# What lasts an hour lasts seconds.
_SCALES = {"reading is paused": 0.005, "the disk fills steadily": 0.001}


@dataclass(frozen=True)
class Signs:
    """health: paths into `/health/ready`, `/health/detailed` and `/status` with what stands there.

    metric: a query of Prometheus that has a result while the fault lasts, and none before. none: why health
    and doctor show nothing.
    """

    health: tuple[str, ...]
    metric: str
    alert: str
    finding: str
    none: str = ""


@dataclass(frozen=True)
class Case:
    """scale: by which waits and windows of alerts are shorter."""

    name: str
    signs: Signs
    fault: Fault
    scale: float

    @property
    def place(self) -> tuple[Place, float]:
        """Cases of the same place can be seen one after another in one server."""
        needs = self.fault.needs
        return needs if isinstance(needs, OuterNeeds) else replace(needs, scale=self.scale), self.scale


def _part(name: str, state: str, *capabilities: str) -> tuple[str, ...]:
    """A part that is unwell, and what cannot be done as it should be."""
    return (f"components.{name}: {state}", *(f"capabilities.{one}: degraded" for one in capabilities))


def _model(state: str = "unhealthy", cause: str = "models") -> Signs:
    return Signs(
        (*_part("llm_service", state, "generate"), f"degradation: {cause}"),
        'rag_provider_up{provider="first"} == 0',
        "OllamaDown.warning",
        "provider_unreachable",
    )


_EMBEDDER = Signs(
    (*_part("embedder", "unhealthy", "retrieve", "generate", "ingest"), "degradation: embedder"),
    'rag_component_up{component="embedder"} == 0',
    "PartDown.critical",
    "embedder_unavailable",
)
_READ_ONLY = Signs(
    (*_part("database", "degraded"), "capabilities.ingest: down", "degradation: database"),
    "rag_degradation_step == 5",
    "ReadOnly.critical",
    "degraded",
)
# By the names of tests.faults.dependencies.
_BESIDE = {
    "the only model refuses connections": _model(),
    "the only model hangs": _model(),
    "the only model hangs, given half a minute": _model(),
    "the only model answers 500": _model(),
    "the only model answers 429 with Retry-After": _model(),
    "the only model answers slowly": Signs(
        (*_part("llm_service", "unhealthy", "generate"), "degradation: models"),
        'rag_circuit_breaker_state{provider="first"} > 0',
        "OllamaDown.warning",
        "degraded",
    ),
    "the only model breaks off in its answers": Signs(
        (*_part("llm_service", "unhealthy", "generate"), "degradation: models"),
        'rag_provider_up{provider="first"} == 0',
        "OllamaDown.warning",
        "degraded",
    ),
    "the first of two models refuses": _model("degraded", "first_model"),
    "the embedding endpoint refuses": _EMBEDDER,
    "the embedding endpoint hangs": _EMBEDDER,
    "the embedding endpoint hangs, given five seconds": _EMBEDDER,
    "Redis is killed": Signs(_part("redis", "unhealthy"), "redis_up == 0", "RedisDown.warning", "redis_unreachable"),
    "the disk is full": _READ_ONLY,
    "the disk takes no changes": _READ_ONLY,
    "the folder of the index is removed": Signs(
        (*_part("vector_db", "unhealthy", "retrieve", "generate", "ingest"), "degradation: index"),
        'rag_component_up{component="vector_db"} == 0',
        "QdrantDown.critical",
        "index_missing",
    ),
}
# By the names of tests.faults.alerts, and those of this folder that are told in the same way.
_INSIDE = {
    "the server is killed": Signs(
        ("no answer",), 'up{job="rag-interface"} == 0', "ServiceDown.critical", "server_not_running"
    ),
    "the database answers nobody": Signs(
        ("components.database: unhealthy", "capabilities.retrieve: down", "capabilities.admin: down"),
        'rag_component_up{component="database"} == 0',
        "DatabaseDown.critical",
        "capability_down",
    ),
    "the disk is 93 % full": Signs(
        ("disks.data: low",),
        "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1",
        "DiskSpaceLow.critical",
        "disk_nearly_full",
    ),
    "the disk is 97 % full": Signs(
        (*_part("disk", "degraded", "ingest"), "disks.data: full", "targets.disk: missed"),
        'rag_component_ok{component="disk"} == 0',
        "DiskSpaceLow.critical",
        "disk_full",
    ),
    "the disk fills steadily": Signs(
        (),
        "predict_linear(node_filesystem_avail_bytes[10s], 60) < 0",
        "DiskFullSoon.warning",
        "",
        "health and doctor look at one moment, and nothing is unwell yet; `ragkeeper capacity report` tells the date",
    ),
    "a disk holds very many files": Signs(
        (*_part("disk", "degraded", "ingest"), "disks.data: full"),
        "node_filesystem_files_free / node_filesystem_files < 0.1",
        "InodesLow.warning",
        "inodes_nearly_full",
    ),
    "97 % of the memory is in use": Signs(
        ("targets.memory: missed",),
        "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.05",
        "HighMemoryUsage.critical",
        "memory_low",
    ),
    "the clock is set back by an hour": Signs(
        _part("clock", "degraded"), "rag_clock_step_seconds > 60", "ClockSet.warning", "clock_behind"
    ),
    "the clock is set forward by an hour": Signs(
        _part("clock", "degraded"), "rag_clock_step_seconds > 60", "ClockSet.warning", "part_unwell"
    ),
    "reading is paused": Signs(
        _part("worker", "degraded", "ingest"), "rag_queue_paused == 1", "QueuePaused.warning", "reading_paused"
    ),
    "a file cannot be read": Signs(
        ("documents.failed",), "rag_queue_dead_letters > 0", "DeadLetters.warning", "documents_failed"
    ),
    "a table that reading needs is gone": Signs(
        _part("worker", "degraded", "ingest"), "rag_loop_ok == 0", "LoopFailing.warning", "tables_missing"
    ),
}


def _cases() -> tuple[Case, ...]:
    faults: list[tuple[Fault, Signs | None]] = [(one, _BESIDE[one.name]) for one in BESIDE]
    faults += [(one, _INSIDE.get(one.name)) for one in (*INSIDE, *OF_MACHINE)]
    return tuple(
        Case(one.name, signs, one, _SCALES.get(one.name, _SCALE)) for one, signs in faults if signs is not None
    )


CASES = _cases()
