"""Which figures are remembered, and from which metrics they come: the only place that says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Labels = Mapping[str, str]


def _all(_labels: Labels) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Kept:
    """by: the label whose values are remembered apart as `name:value`, beside the whole; only: which series count."""

    name: str
    metric: str
    help: str
    unit: str = ""
    by: str = ""
    only: Callable[[Labels], bool] = _all


@dataclass(frozen=True, slots=True)
class KeptLevel(Kept):
    """A gauge; series of one name are added up. less: the gauge that is taken off it, series by series."""

    less: str = ""


@dataclass(frozen=True, slots=True)
class KeptCount(Kept):
    """A counter. of_machine: it began before this process, so its first value says nothing."""

    of_machine: bool = False


@dataclass(frozen=True, slots=True)
class KeptSpread(Kept):
    """A histogram."""


@dataclass(frozen=True, slots=True)
class Share:
    """A percentage: what `part` is of the sum of `whole`, all of them levels or all counts. rest: what it leaves."""

    name: str
    part: str
    whole: tuple[str, ...]
    help: str
    rest: bool = False
    unit: str = "percent"


def _of_path(*paths: str) -> Callable[[Labels], bool]:
    return lambda labels: labels.get("path") in paths


def _labelled(label: str, *values: str) -> Callable[[Labels], bool]:
    return lambda labels: labels.get(label) in values


def _idle(labels: Labels) -> bool:
    """What is waited for and what other guests of the machine took is not used."""
    return labels.get("mode") in {"idle", "iowait", "steal"}


def _busy(labels: Labels) -> bool:
    return not _idle(labels)


def _served(labels: Labels) -> bool:
    """Requests for the server's work; probes and scrapes are quick, and as many as somebody configured."""
    return not labels.get("path", "").startswith(("/health", "/metrics", "/status"))


def _failed(labels: Labels) -> bool:
    return _served(labels) and labels.get("status", "").startswith("5")


_RATE, _TIME, _SIZE = "per second", "seconds", "bytes"
_STORED = _labelled("part", "main", "log")
_SEARCHES = _of_path("/api/v1/search")
_ANSWERS = _of_path("/chat", "/api/chat", "/v1/chat/completions")

KEPT: tuple[Kept, ...] = (
    KeptCount("requests", "http_requests_total", "Requests, without probes and scrapes.", _RATE, only=_served),
    KeptCount("errors", "http_requests_total", "Requests answered with 500 or above.", _RATE, only=_failed),
    KeptSpread("response_time", "http_request_duration_seconds", "Time of requests.", _TIME, only=_served),
    KeptSpread("search_time", "http_request_duration_seconds", "Time of searches.", _TIME, only=_SEARCHES),
    KeptSpread("answer_time", "http_request_duration_seconds", "Time of whole answers.", _TIME, only=_ANSWERS),
    KeptSpread("stages", "rag_stage_seconds", "Time in the stages of searches and answers.", _TIME, "stage"),
    KeptSpread("model_time", "rag_llm_latency_seconds", "Time of model calls.", _TIME),
    KeptSpread("first_token_time", "rag_llm_first_token_seconds", "Time to a model's first piece.", _TIME),
    KeptSpread("sql_time", "rag_sql_statement_seconds", "Time of SQL statements.", _TIME, "kind"),
    KeptSpread("freshness", "rag_ingest_freshness_seconds", "Time from a content's arrival to its first hit.", _TIME),
    KeptCount("answers", "rag_answers_total", "Answers, by the step that made them.", _RATE, "mode"),
    KeptCount("grounding", "rag_grounding_total", "Answers, by what supports them.", _RATE, "result"),
    KeptCount("tokens", "rag_llm_tokens_total", "Tokens of model calls.", _RATE, "direction"),
    KeptCount("cost", "rag_llm_cost_total", "What they cost.", _RATE),
    KeptCount("cache_hits", "rag_cache_hits_total", "What caches gave.", _RATE, "kind"),
    KeptCount("cache_misses", "rag_cache_misses_total", "What caches were asked for in vain.", _RATE, "kind"),
    KeptCount("shed", "rag_requests_shed_total", "Requests turned away.", _RATE, "kind"),
    KeptCount("ingested", "rag_documents_processed_total", "Contents read to an end.", _RATE, "result"),
    KeptCount("slow_statements", "rag_sql_slow_statements_total", "SQL statements above the limit.", _RATE),
    KeptCount("log_records", "rag_log_records_total", "Records in the log.", _RATE, "level"),
    KeptLevel("documents", "rag_documents", "Documents stored."),
    KeptLevel("chunks", "rag_chunks", "Passages of these."),
    KeptLevel("vectors", "rag_index_vectors", "Vectors in the index."),
    KeptLevel("database_bytes", "rag_database_size_bytes", "The database and its log.", _SIZE, only=_STORED),
    KeptLevel("index_bytes", "rag_index_size_bytes", "The index on disk.", _SIZE),
    KeptLevel("queue", "rag_queue_jobs", "Contents by how far they are.", by="state"),
    KeptLevel("index_lag", "rag_index_lag_seconds", "Age of the oldest change that waits for the index.", _TIME),
    KeptLevel("degradation", "rag_degradation_step", "The step in force, 0 is full."),
    KeptLevel("in_flight", "rag_requests_in_flight", "Requests that are being answered."),
    KeptCount("cpu_busy", "node_cpu_seconds_total", "Processors at work.", _RATE, only=_busy, of_machine=True),
    KeptCount("cpu_idle", "node_cpu_seconds_total", "Processors at rest.", _RATE, only=_idle, of_machine=True),
    KeptCount("own_cpu", "rag_process_cpu_seconds_total", "Processor seconds of the server.", _RATE, "role"),
    KeptLevel("load", "node_load1", "Processes that ran or waited, mean of a minute."),
    KeptLevel("processors", "rag_usable_processors", "Processors that may be used."),
    KeptLevel("memory_total", "node_memory_MemTotal_bytes", "Memory of the machine or container.", _SIZE),
    KeptLevel("memory_free", "node_memory_MemAvailable_bytes", "What is left of it.", _SIZE),
    KeptLevel("swap_total", "node_memory_SwapTotal_bytes", "Swap space.", _SIZE),
    KeptLevel("swap_free", "node_memory_SwapFree_bytes", "What is left of it.", _SIZE),
    KeptLevel("own_memory", "rag_process_unique_memory_bytes", "Memory that only the server has.", _SIZE, "role"),
    KeptLevel("open_files", "rag_process_open_files", "Files and connections that it has open."),
    KeptLevel("disk_free", "node_filesystem_avail_bytes", "Room on disks that are written to.", _SIZE, "mountpoint"),
    KeptLevel(
        "disk_used",
        "node_filesystem_size_bytes",
        "What is used of them.",
        _SIZE,
        "mountpoint",
        less="node_filesystem_free_bytes",
    ),
)

SHARES: tuple[Share, ...] = (
    Share("error_rate", "errors", ("requests",), "Requests that failed."),
    Share("cpu", "cpu_busy", ("cpu_busy", "cpu_idle"), "Processors of the machine at work."),
    Share("memory", "memory_free", ("memory_total",), "Memory of the machine or container in use.", rest=True),
    Share("swap", "swap_free", ("swap_total",), "Swap space in use.", rest=True),
    Share("disk", "disk_used", ("disk_used", "disk_free"), "Disks in use, each as `disk:PATH`."),
)
