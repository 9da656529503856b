"""The dashboard of what is ragkeeper's own: what it can do, how it answers, what it holds, what waits."""

from dataclasses import replace

from ragkeeper.core.figures.holdings import (
    ALERT_CHANNEL_OK,
    CAPABILITY_UP,
    CHUNKS,
    COMPONENT_OK,
    DATABASE_BYTES,
    DOCUMENTS,
    DOCUMENTS_SEARCHABLE,
    INDEX_BYTES,
    INDEX_LAG,
    INDEX_MISSING,
    INDEX_ORPHANS,
    JOBS_DATABASE_BYTES,
    JOBS_DATABASE_CONNECTIONS,
    JOBS_DATABASE_UP,
    LOOK_AGE,
    QUEUE_DEAD,
    QUEUE_JOBS,
    QUEUE_OLDEST,
    REDIS_CLIENTS,
    REDIS_EVICTED,
    REDIS_HITS,
    REDIS_MEMORY,
    REDIS_MEMORY_MOST,
    REDIS_MISSES,
    REDIS_UP,
    SQL_SECONDS,
)
from ragkeeper.core.figures.machine import PROCESS_CPU, PROCESS_OWN_MEMORY
from ragkeeper.core.figures.quality import HIT_RATE, NDCG
from ragkeeper.core.figures.work import DOCUMENTS_PROCESSED, FRESHNESS, INGEST_SECONDS, LOG_RECORDS, UPLOADS
from ragkeeper.core.instruments import Gauge
from ragkeeper.core.metrics import (
    ANSWERS,
    BREAKER_STATE,
    CACHE_HITS,
    CACHE_MISSES,
    DEGRADATION_CAUSE,
    DEGRADATION_STEP,
    ERRORS,
    GROUNDING,
    HTTP_REQUESTS,
    LLM_COST,
    LLM_FIRST_TOKEN,
    LLM_SECONDS,
    LLM_TOKENS,
    REQUESTS_SHED,
    STAGE_SECONDS,
)
from ragkeeper.operations.alerts.answering import MODEL_CALLS, REQUESTS
from ragkeeper.operations.alerts.conditions import Events, quantile
from ragkeeper.operations.alerts.expressions import (
    Aggregate,
    Arithmetic,
    Compare,
    Expression,
    Match,
    Number,
    Quantile,
    Rate,
    Select,
)
from ragkeeper.operations.monitoring.panels import Dashboard, Panel, Query, Row
from ragkeeper.operations.monitoring.shown import WINDOW, Shown, percent, sum_of_rates

_HOUR = 3600.0


def dashboard(shown: Shown) -> Dashboard:
    return Dashboard(
        "ragkeeper",
        "ragkeeper",
        "What ragkeeper can do, how it answers, what it holds and what waits.",
        (_state(shown), _answering(shown), _models(shown), _documents(shown), _stores(), _process(shown)),
    )


def _state(shown: Shown) -> Row:
    return Row(
        "State",
        (
            _stat(
                "Capabilities",
                "1 while it can be done.",
                _lowest(CAPABILITY_UP, "capability"),
                limits=(1,),
                falling=True,
            ),
            _stat("Parts", "1 while healthy.", _lowest(COMPONENT_OK, "component"), limits=(1,), falling=True),
            _stat(
                "Degradation step",
                "0 is full.",
                Query(Aggregate("max", Select(DEGRADATION_STEP)), "step"),
                limits=(1, 4),
            ),
            _stat("What is missing", "1 while it is.", _highest(DEGRADATION_CAUSE, "cause"), limits=(1,)),
            shown.service_health(),
            shown.error_rate(),
            _channels(),
        ),
    )


def _channels() -> Panel:
    """Alerts that leave by none are seen here alone."""
    works = Query(Aggregate("min", Select(ALERT_CHANNEL_OK), ("channel",)), "{{channel}}", quiet=True)
    about = "Of the server's own alerts: 1 while messages arrive, 0 while the last one did not."
    return Panel("Alert channels", about, "none", (works,), kind="stat", limits=(1,), falling=True)


def _answering(shown: Shown) -> Row:
    grounded = Events(Select(GROUNDING, (Match("result", ("grounded",)),)), Select(GROUNDING))
    return Row(
        "Answers",
        (
            shown.response_time(),
            shown.request_rate(),
            _rates("Most used routes", "Requests by route.", "reqps", Select(HTTP_REQUESTS, REQUESTS), "path"),
            _rates("Errors by code", "Requests answered with an error.", "reqps", Select(ERRORS), "code"),
            _rates("Answers by step", "Which step of degradation produced them.", "ops", Select(ANSWERS), "mode"),
            Panel(
                "Grounded answers",
                "Each sentence is supported by a passage.",
                "percent",
                (Query(percent(grounded.over(_HOUR)), "grounded %"),),
            ),
            _accuracy(),
            Panel("Stages, 95th percentile", "Where the time of searches and answers goes.", "s", (_stages(),)),
            _rates("Requests turned away", "More came than could be answered.", "reqps", Select(REQUESTS_SHED), "kind"),
        ),
    )


def _accuracy() -> Panel:
    found, near = (Aggregate("min", Select(gauge)) for gauge in (HIT_RATE, NDCG))
    queries = (Query(percent(found), "found %", quiet=True), Query(percent(near), "nDCG@10 %", quiet=True))
    return Panel("Golden questions", "Whether searches find what RAG_GOLDEN_QUESTIONS says.", "percent", queries)


def _models(shown: Shown) -> Row:
    calls, first = (Select(one, (), "_bucket") for one in (LLM_SECONDS, LLM_FIRST_TOKEN))
    failed = Query(percent(MODEL_CALLS.over(WINDOW)), "{{provider}}", quiet=True)
    limits = shown.limits("LLMErrorsHigh", 100)
    state = Aggregate("max", Select(BREAKER_STATE), ("provider", "operation"))
    breakers = Query(state, "{{provider}} {{operation}}", quiet=True)
    return Row(
        "Models",
        (
            Panel("Model calls, 95th percentile", "Whole calls.", "s", (_by_provider(calls),)),
            Panel("First token, 95th percentile", "Streamed calls.", "s", (_by_provider(first),)),
            Panel("Failed model calls", "Of all.", "percent", (failed,), limits=limits),
            Panel("Breakers", "0 closed, 1 open, 2 half-open.", "none", (breakers,)),
            *_model_use(),
        ),
    )


def _model_use() -> tuple[Panel, ...]:
    sent = sum_of_rates(Select(LLM_TOKENS), ("provider", "direction"))
    tokens = Query(sent, "{{provider}} {{direction}}", quiet=True)
    spent = Aggregate("sum", Rate(Select(LLM_COST), _HOUR, total=True), ("provider",))
    cost = Query(spent, "{{provider}}", quiet=True)
    hits = Query(percent(_hit_rate()), "{{kind}}", quiet=True)
    return (
        Panel("Tokens", "Sent and received.", "short", (tokens,)),
        Panel("Cost in an hour", "In the money of the prices that are set.", "none", (cost,)),
        Panel("Cache hits", "Of all lookups, by kind.", "percent", (hits,)),
    )


def _documents(shown: Shown) -> Row:
    sums = ((DOCUMENTS, "stored"), (DOCUMENTS_SEARCHABLE, "searchable"), (CHUNKS, "passages"))
    return Row(
        "Documents",
        (
            Panel(
                "Documents",
                "Stored, found by searches, and their passages.",
                "short",
                tuple(Query(_total(gauge), name) for gauge, name in sums),
            ),
            Panel("Queue", "Contents by how far they are.", "short", (_highest(QUEUE_JOBS, "state"),)),
            Panel(
                "Longest wait",
                "Of a content for a parser, and of a change for the index.",
                "s",
                (Query(_most(QUEUE_OLDEST), "parser"), Query(_most(INDEX_LAG), "index")),
                limits=shown.limits("IndexLag"),
            ),
            Panel(
                "Failed for good",
                "Documents that wait for somebody.",
                "short",
                (Query(_most(QUEUE_DEAD), "documents"),),
            ),
            _rates(
                "Read contents", "By what became of them.", "ops", Select(DOCUMENTS_PROCESSED), "result", quiet=True
            ),
            Panel(
                "Uploads that work",
                "Accepted, of all that were sent; and read to an end, of what was accepted; in an hour.",
                "percent",
                (
                    Query(_accepted(), "accepted %", quiet=True),
                    Query(_read(), "read %", quiet=True),
                ),
            ),
            Panel(
                "Time until found, 95th percentile",
                "From a content's acceptance.",
                "s",
                (Query(quantile(FRESHNESS, (), 0.95, _HOUR), "95th percentile", quiet=True),),
            ),
        ),
    )


def _accepted() -> Expression:
    accepted = sum_of_rates(Select(UPLOADS, (Match("result", ("accepted",)),)), window=_HOUR)
    return percent(Arithmetic(accepted, "/", sum_of_rates(Select(UPLOADS), window=_HOUR)))


def _read() -> Expression:
    """By steps: their series are there from the start, so that the first failure with a code is seen as a rise."""
    saved, parsed = (
        sum_of_rates(Select(INGEST_SECONDS, (Match("step", (step,)),), "_count"), window=_HOUR)
        for step in ("save", "parse")
    )
    return percent(Arithmetic(saved, "/", Compare(parsed, ">", Number(0))))


def _stores() -> Row:
    return Row(
        "Stores",
        (
            Panel(
                "Index against database",
                "Chunks too many and too few, at the last check.",
                "short",
                (Query(_most(INDEX_ORPHANS), "orphans"), Query(_most(INDEX_MISSING), "missing")),
            ),
            Panel(
                "Sizes",
                "Database and index.",
                "bytes",
                (_highest(DATABASE_BYTES, "part"), Query(_most(INDEX_BYTES), "index")),
            ),
            Panel(
                "SQL statements, 95th percentile",
                "A write includes its wait for the disk.",
                "s",
                (Query(_quantiles(Select(SQL_SECONDS, (), "_bucket"), "kind"), "{{kind}}"),),
                limits=(0.1,),
            ),
            *_servers(),
        ),
    )


def _servers() -> tuple[Panel, ...]:
    memory = ((REDIS_MEMORY, "Redis"), (REDIS_MEMORY_MOST, "Redis may take"))
    asked = ((REDIS_HITS, "found"), (REDIS_MISSES, "not there"), (REDIS_EVICTED, "evicted"))
    sizes, connections = (_highest(gauge, "datname") for gauge in (JOBS_DATABASE_BYTES, JOBS_DATABASE_CONNECTIONS))
    return (
        Panel(
            "Memory of Redis, size of PostgreSQL",
            "Of the servers beside this one, where they are set up.",
            "bytes",
            (*(Query(_most(gauge), name, quiet=True) for gauge, name in memory), replace(sizes, quiet=True)),
        ),
        Panel(
            "Keys of Redis",
            "Whoever asked for them.",
            "ops",
            tuple(Query(sum_of_rates(Select(counter)), name) for counter, name in asked),
        ),
        Panel(
            "Connections to Redis and PostgreSQL",
            "Whoever's. PostgreSQL: of the database of jobs.",
            "short",
            (Query(_most(REDIS_CLIENTS), "Redis", quiet=True), replace(connections, quiet=True)),
        ),
        Panel(
            "Redis and PostgreSQL",
            "1 while they can be used, 0 while they cannot; nothing where none is set up.",
            "none",
            (Query(_least(REDIS_UP), "Redis", quiet=True), Query(_least(JOBS_DATABASE_UP), "PostgreSQL", quiet=True)),
            kind="stat",
            limits=(1,),
            falling=True,
        ),
    )


def _process(shown: Shown) -> Row:
    return Row(
        "Processes",
        (
            _rates("Processors in use", "Seconds a second.", "none", Select(PROCESS_CPU), "role"),
            Panel("Memory", "That ends with the process.", "bytes", (_highest(PROCESS_OWN_MEMORY, "role"),)),
            _rates("Log records", "By level.", "ops", Select(LOG_RECORDS), "level"),
            Panel(
                "Age of figures",
                "Those that cannot be looked up keep their last values.",
                "s",
                (_highest(LOOK_AGE, "collector"),),
                limits=shown.limits("FiguresStale"),
            ),
        ),
    )


def _stat(title: str, about: str, query: Query, *, limits: tuple[float, ...], falling: bool = False) -> Panel:
    return Panel(title, about, "none", (query,), kind="stat", limits=limits, falling=falling)


def _rates(title: str, about: str, unit: str, counter: Select, label: str, *, quiet: bool = False) -> Panel:
    return Panel(title, about, unit, (Query(sum_of_rates(counter, (label,)), f"{{{{{label}}}}}", quiet),))


def _stages() -> Query:
    return Query(_quantiles(Select(STAGE_SECONDS, (), "_bucket"), "stage"), "{{stage}}")


def _by_provider(buckets: Select) -> Query:
    return Query(_quantiles(buckets, "provider"), "{{provider}}", quiet=True)


def _quantiles(buckets: Select, label: str) -> Expression:
    return Quantile(0.95, Aggregate("sum", Rate(buckets, WINDOW), (label, "le")))


def _hit_rate() -> Expression:
    hits, misses = (sum_of_rates(Select(one), ("kind",)) for one in (CACHE_HITS, CACHE_MISSES))
    return Arithmetic(hits, "/", Compare(Arithmetic(hits, "+", misses), ">", Number(0)))


def _lowest(gauge: Gauge, label: str) -> Query:
    return Query(Aggregate("min", Select(gauge), (label,)), f"{{{{{label}}}}}")


def _highest(gauge: Gauge, label: str) -> Query:
    return Query(Aggregate("max", Select(gauge), (label,)), f"{{{{{label}}}}}")


def _most(gauge: Gauge) -> Expression:
    return Aggregate("max", Select(gauge))


def _least(gauge: Gauge) -> Expression:
    return Aggregate("min", Select(gauge))


def _total(gauge: Gauge) -> Expression:
    return Aggregate("max", Aggregate("sum", Select(gauge), ("instance",)))
