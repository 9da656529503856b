"""The courses of events, alert by alert; those of the machine are in `machine_courses`."""

from collections.abc import Sequence

from tests.integration.monitoring.cases import (
    BOTH,
    CRITICAL,
    DAY,
    HOUR,
    MINUTE,
    TARGETS,
    WARNING,
    Case,
    Series,
    Slope,
    Stage,
    Value,
    course,
    s,
    silent,
)
from tests.integration.monitoring.machine_courses import HERE, MACHINE

_UP = [Series("up", {"job": job, "instance": target}) for job, target in TARGETS]
_GOOD = s("http_requests_total", method="POST", path="/chat", status="200")
_BAD = s("http_requests_total", method="POST", path="/chat", status="500")
_PROBE = s("http_requests_total", method="GET", path="/health/ready", status="503")
_BOUNDS = ("1.0", "2.0", "3.0", "5.0", "10.0", "+Inf")
_CALLS = [s("rag_llm_latency_seconds_count", provider="groq", model="m", outcome=one) for one in ("ok", "chat_failed")]
_BREAKER = [
    s("rag_circuit_breaker_state", provider="groq", model="m", operation="chat"),
    s("rag_provider_up", provider="groq", model="m"),
]
_OLD = s("rag_llm_latency_seconds_count", provider="groq", model="m", outcome="chat_refused")


def _times(path: str, name: str = "http_request_duration_seconds") -> list[Series]:
    buckets = [s(f"{name}_bucket", method="POST", path=path, le=bound) for bound in _BOUNDS]
    return [*buckets, s(f"{name}_count", method="POST", path=path)]


def _took(*shares: tuple[float, str], rate: float = 1.0) -> list[Value]:
    """The rates of the buckets, when so many events took at most so long."""
    each = dict.fromkeys(_BOUNDS, 0.0) | {bound: share * rate for share, bound in shares}
    rising = [sum(list(each.values())[: number + 1]) for number in range(len(_BOUNDS))]
    return [*rising, rate]


_QUICK = _took((1, "1.0"))
_STATEMENTS = [
    *(s("rag_sql_statement_seconds_bucket", kind="read", le=bound) for bound in ("0.1", "0.25", "+Inf")),
    s("rag_sql_statement_seconds_count", kind="read"),
]

THERE = (
    Case(
        "ServiceDown",
        _UP,
        [
            Stage(10 * MINUTE, (1, 1)),
            Stage(45, (0, 1)),
            Stage(2 * MINUTE, (0, 1), CRITICAL),
            Stage(2 * MINUTE, (1, 1)),
            # Nobody told Prometheus to read it any more; it takes five minutes to forget the last value.
            Stage(7 * MINUTE, (None, 1), CRITICAL),
            Stage(2 * MINUTE, (1, 1)),
        ],
        {"job": "rag-interface", **HERE},
    ),
    Case(
        "InstanceDown",
        _UP,
        [
            Stage(10 * MINUTE, (1, 1)),
            Stage(45, (0, 1)),
            Stage(2 * MINUTE, (0, 1), WARNING),
            Stage(2 * MINUTE, (1, 1)),
            Stage(7 * MINUTE, (None, 1), WARNING),
            Stage(2 * MINUTE, (1, 1)),
        ],
        {"job": "rag-interface", **HERE},
    ),
    Case(
        "ApplicationDown",
        [s("rag_ready"), Series("rag_ready", {"job": "rag-interface", "instance": "localhost:8001"})],
        [
            Stage(10 * MINUTE, (1, 1)),
            Stage(2 * MINUTE, (0, 1)),
            Stage(MINUTE, (0, 0), CRITICAL),
            Stage(MINUTE, (0, 1)),
            Stage(7 * MINUTE, (None, None), CRITICAL),
            Stage(MINUTE, (1, 1)),
        ],
    ),
    # A scrape that was lost.
    silent("ApplicationDown", [s("rag_ready")], (1,), (0,), 30),
    Case(
        "FiguresMissing",
        [s("rag_degradation_step")],
        [
            Stage(10 * MINUTE, (0,)),
            Stage(8 * MINUTE, (None,)),
            Stage(4 * MINUTE, (None,), WARNING),
            Stage(2 * MINUTE, (0,)),
        ],
    ),
)

ERRORS = (
    course(
        "HighErrorRate",
        [_GOOD, _BAD],
        (1, 0),
        (0.992, 0.008),
        ((0.97, 0.03), WARNING),
        ((0.94, 0.06), BOTH),
        hold=5 * MINUTE,
        window=5 * MINUTE,
        early=30,
    ),
    # Eight requests a minute, half of them failing.
    Case(
        "HighErrorRate",
        [_GOOD, _BAD],
        [
            Stage(10 * MINUTE, (8 / 60, 0)),
            Stage(12 * MINUTE, (4 / 60, 4 / 60), BOTH),
            Stage(12 * MINUTE, (8 / 60, 0)),
        ],
    ),
    # One in 14,000 requests.
    silent("HighErrorRate", [_GOOD, _BAD], (14_000 / 1200, 0), (14_000 / 1200, 1 / 15), 15),
    # One of the first five requests after a start, and the only one of them that fails.
    Case(
        "HighErrorRate",
        [_GOOD, _BAD],
        [Stage(15, (0, 0)), Stage(15, (4 / 15, 1 / 15)), *(Stage(each, (0, 0)) for each in (30, 45, 5 * MINUTE))],
    ),
    # What probes are told while the server starts or stops is no failed request.
    silent("HighErrorRate", [_GOOD, _BAD, _PROBE], (0.1, 0, 0), (0.1, 0, 1), 20 * MINUTE),
    course(
        "RequestsShed",
        [s("rag_requests_shed_total", kind="chat")],
        (0,),
        (15 / 300,),
        ((1,), WARNING),
        hold=MINUTE,
        window=5 * MINUTE,
        labels={"kind": "chat"},
    ),
)

SLOW = (
    course(
        "HighResponseTime",
        _times("/chat"),
        _QUICK,
        _took((0.96, "1.0"), (0.04, "10.0")),
        (_took((0.8, "1.0"), (0.2, "3.0")), WARNING),
        (_took((0.8, "1.0"), (0.2, "5.0")), BOTH),
        hold=5 * MINUTE,
        window=5 * MINUTE,
        early=MINUTE,
    ),
    # An administrator's list that takes ten seconds is not what users wait for.
    silent(
        "HighResponseTime",
        [*_times("/chat"), *_times("/api/v1/sources")],
        [*_QUICK, *_took((1, "1.0"))],
        [*_QUICK, *_took((1, "10.0"), rate=5)],
        20 * MINUTE,
    ),
    # One slow question in ten minutes says nothing about the others.
    silent("HighResponseTime", _times("/chat"), _took(rate=0), _took((1, "10.0"), rate=1 / 600), 30 * MINUTE),
    course(
        "HighLatency",
        _times("/chat"),
        _QUICK,
        _took((0.995, "1.0"), (0.005, "5.0")),
        (_took((0.98, "1.0"), (0.02, "5.0")), WARNING),
        hold=5 * MINUTE,
        window=5 * MINUTE,
    ),
    course(
        "SlowStatements",
        _STATEMENTS,
        (1, 1, 1, 1),
        (0.97, 1, 1, 1),
        ((0.9, 1, 1, 1), WARNING),
        hold=5 * MINUTE,
        window=5 * MINUTE,
    ),
    # A slow one in ten minutes.
    silent("SlowStatements", _STATEMENTS, (0, 0, 0, 0), (0, 0, 1 / 600, 1 / 600), 30 * MINUTE),
)

MODELS = (
    course(
        "LLMErrorsHigh",
        _CALLS,
        (1 / 3, 0),
        (0.97 / 3, 0.03 / 3),
        ((0.9 / 3, 0.1 / 3), WARNING),
        hold=MINUTE,
        window=5 * MINUTE,
        labels={"provider": "groq"},
    ),
    # One failure an hour, of one call an hour.
    silent("LLMErrorsHigh", _CALLS, (0, 0), (0, 1 / 3600), 2 * HOUR),
    # What the provider rightly refuses.
    silent("LLMErrorsHigh", [*_CALLS, _OLD], (1, 0, 0), (1, 0, 1), 20 * MINUTE),
    course(
        "OllamaDown",
        [s("rag_provider_up", provider="groq", model="m")],
        (1,),
        (1,),
        ((0,), WARNING),
        hold=MINUTE,
        labels={"provider": "groq"},
    ),
    course(
        "BreakerOpen",
        _BREAKER,
        (0, 1),
        # Open no more, and the provider is well: only nobody has asked since.
        (2, 1),
        ((1, 0), CRITICAL),
        ((2, 0), CRITICAL),
        hold=15 * MINUTE,
        labels={"provider": "groq", "operation": "chat"},
    ),
)


def _causes(**missing: float) -> tuple[float, ...]:
    return tuple(missing.get(one, 0) for one in ("forced", "models", "index"))


_CAUSES = [s("rag_degradation_cause", cause=one) for one in ("forced", "models", "index")]

DEGRADED = (
    course(
        "Degraded",
        _CAUSES,
        _causes(),
        _causes(forced=1),
        (_causes(models=1), WARNING),
        hold=5 * MINUTE,
        labels={"cause": "models"},
    ),
    course("ReadOnly", [s("rag_degradation_step")], (0,), (4,), ((5,), CRITICAL), hold=2 * MINUTE),
    course("DegradationForced", _CAUSES, _causes(), _causes(index=1), (_causes(forced=1), WARNING), hold=DAY, step=60),
    course(
        "PartDown",
        [s("rag_component_up", component="worker"), s("rag_component_up", component="llm_service")],
        (1, 1),
        (1, 0),
        ((0, 1), CRITICAL),
        hold=5 * MINUTE,
        labels={"component": "worker"},
    ),
)


def _burn(name: str, series: Sequence[Series], mix: "Mix") -> tuple[Case, ...]:
    """Each window by a course that is bad for long enough for that one, and not for the next."""
    calm = mix(0.0)
    allowed = mix.allowed

    def burnt(times: float, seconds: float, *firing: str, rest: float, step: float) -> Case:
        bad = mix(times * allowed)
        stages = [
            Stage(3 * DAY if step > 2 * MINUTE else DAY, calm),
            Stage(seconds / 8, bad),
            Stage(seconds * 7 / 8, bad, firing),
            Stage(rest, calm),
        ]
        return Case(name, series, stages, {}, step)

    return (
        burnt(18, 80 * MINUTE, "critical.1h", rest=16 * MINUTE, step=120),
        burnt(10, 4.5 * HOUR, "critical.6h", rest=46 * MINUTE, step=120),
        # A day at three times what is allowed is as much as three days of it: both begin, the shorter fires first.
        burnt(5.9, 13.3 * HOUR, "warning.1d", rest=70 * MINUTE, step=600),
        burnt(2, 3 * DAY, "warning.3d", rest=7 * HOUR, step=600),
        # Just less than is allowed, for as long as anything looks back.
        burnt(0.9, 5 * DAY, rest=HOUR, step=600),
        *_stray(name, series, mix),
    )


def _stray(name: str, series: Sequence[Series], mix: "Mix") -> tuple[Case, ...]:
    """A single bad event: of a dozen an hour, and the first of all after a start. It is nobody's sleep."""
    one, few, none = ([value * rate for value in mix(bad)] for bad, rate in ((1, 1 / MINUTE), (0, 12 / HOUR), (0, 0)))
    after = (3 * MINUTE, 13 * MINUTE, 50 * MINUTE, 4 * HOUR)
    return tuple(
        Case(
            name, series, [Stage(calm, usual), Stage(MINUTE, one), *(Stage(each, usual) for each in after)], {}, MINUTE
        )
        for calm, usual in ((DAY, few), (MINUTE, none))
    )


class Mix:
    """The rates of some series when a share of their events is bad."""

    def __init__(self, allowed: float, good: Sequence[float], bad: Sequence[float]) -> None:
        self.allowed = allowed
        self._good, self._bad = good, bad

    def __call__(self, share: float) -> list[Value]:
        share = min(share, 1.0)
        return [one * (1 - share) + other * share for one, other in zip(self._good, self._bad, strict=True)]


_ANSWERS = [s("rag_grounding_total", result=one) for one in ("grounded", "partly")]
_FRESH = [s("rag_ingest_freshness_seconds_bucket", le=one) for one in ("300.0", "+Inf")]
_FRESH_ALL = [*_FRESH, s("rag_ingest_freshness_seconds_count")]
_WITHIN = [s("http_request_duration_seconds_bucket", method="POST", path="/chat", le="2.0")]
_ALL_TIMES = [*_WITHIN, s("http_request_duration_seconds_count", method="POST", path="/chat")]

OBJECTIVES = (
    *_burn("AvailabilityBurn", [_GOOD, _BAD], Mix(0.001, (1, 0), (0, 1))),
    *_burn("LatencyBurn", _ALL_TIMES, Mix(0.05, (1, 1), (0, 1))),
    *_burn("GroundedBurn", _ANSWERS, Mix(0.05, (1, 0), (0, 1))),
    *_burn("FreshnessBurn", _FRESH_ALL, Mix(0.05, (1, 1, 1), (0, 1, 1))),
)

_NOW = 1_800_000_000.0
_CHECKED = [
    s(name)
    for name in (
        "node_time_seconds",
        "rag_index_checked_timestamp_seconds",
        "rag_first_start_timestamp_seconds",
    )
]

KEEPING = (
    course(
        "DatabaseDown",
        [s("rag_component_up", component="database"), s("rag_component_up", component="redis")],
        (1, 1),
        (1, 0),
        ((0, 1), CRITICAL),
        hold=30,
        labels=HERE,
    ),
    course(
        "PostgresDown",
        [s("rag_component_up", component="database")],
        (1,),
        (1,),
        ((0,), WARNING),
        hold=MINUTE,
        labels=HERE,
    ),
    # Two databases on one server: their connections are summed before they are compared.
    course(
        "DatabaseConnectionsHigh",
        [
            s("pg_stat_database_numbackends", datid="1", datname="a"),
            s("pg_stat_database_numbackends", datid="2", datname="b"),
            s("pg_settings_max_connections", server="x"),
        ],
        (10, 10, 100),
        (40, 39, 100),
        ((50, 49, 100), WARNING),
        hold=5 * MINUTE,
        labels=HERE,
    ),
    course("RedisDown", [s("redis_up")], (1,), (1,), ((0,), WARNING), hold=MINUTE, labels=HERE),
    silent("RedisDown", [s("redis_up")], (None,), (None,), 10 * MINUTE),
    course(
        "QdrantDown",
        [s("rag_component_up", component="vector_db")],
        (1,),
        (1,),
        ((0,), CRITICAL),
        hold=30,
        labels=HERE,
    ),
    course("IndexLag", [s("rag_index_lag_seconds")], (1,), (290,), ((310,), WARNING), ((3700,), BOTH), hold=MINUTE),
    course(
        "IndexUnchecked",
        [s("node_time_seconds"), s("rag_index_checked_timestamp_seconds")],
        (_NOW, _NOW - HOUR),
        (_NOW, _NOW - 47 * HOUR),
        ((_NOW, _NOW - 49 * HOUR), WARNING),
        hold=MINUTE,
    ),
    # The first check never worked.
    course(
        "IndexUnchecked",
        _CHECKED,
        (_NOW, float("nan"), _NOW - HOUR),
        (_NOW, float("nan"), _NOW - 47 * HOUR),
        ((_NOW, float("nan"), _NOW - 49 * HOUR), WARNING),
        hold=MINUTE,
    ),
    # A server that is old, and was checked today.
    silent("IndexUnchecked", _CHECKED, (_NOW, _NOW - HOUR, _NOW - 90 * DAY), (_NOW, _NOW, _NOW - 90 * DAY), HOUR),
    course("ClockSet", [s("rag_clock_step_seconds")], (0.1,), (20,), ((3600,), WARNING), hold=MINUTE, labels=HERE),
    course("IndexOrphans", [s("rag_index_orphans")], (0,), (0,), ((3,), WARNING), hold=5 * MINUTE),
    silent("IndexOrphans", [s("rag_index_orphans")], (float("nan"),), (float("nan"),), 20 * MINUTE),
    course("IndexMissing", [s("rag_index_missing")], (0,), (0,), ((3,), WARNING), hold=5 * MINUTE),
    course(
        "IndexIncomplete",
        [s("rag_index_points"), s("rag_chunks", collection="a"), s("rag_chunks", collection="b")],
        (100, 60, 40),
        (91, 60, 40),
        ((50, 60, 40), CRITICAL),
        hold=10 * MINUTE,
        labels=HERE,
    ),
    # A handful of passages on their way in.
    silent("IndexIncomplete", [s("rag_index_points"), s("rag_chunks", collection="a")], (10, 10), (0, 10), HOUR),
    Case(
        "DocumentsFell",
        [s("rag_documents", collection="a"), s("rag_documents", collection="b")],
        [
            Stage(2 * HOUR, (60, 40)),
            Stage(20 * MINUTE, (45, 40)),
            Stage(20 * MINUTE, (20, 40), WARNING),
            # After an hour this is what there is.
            Stage(65 * MINUTE, (20, 40)),
        ],
        HERE,
    ),
    silent("DocumentsFell", [s("rag_documents", collection="a")], (10,), (2,), HOUR),
    course("DeadLetters", [s("rag_queue_dead_letters")], (0,), (0,), ((1,), WARNING), hold=5 * MINUTE),
    course("QueueStalled", [s("rag_queue_still_seconds")], (5,), (1700,), ((2000,), WARNING), hold=5 * MINUTE),
    course("QueuePaused", [s("rag_queue_paused")], (0,), (0,), ((1,), WARNING), hold=HOUR),
    course(
        "LoopFailing",
        [s("rag_loop_ok", loop="embed"), s("rag_loop_ok", loop="parse")],
        (1, 1),
        (1, 1),
        ((0, 1), WARNING),
        hold=5 * MINUTE,
        labels={"loop": "embed"},
    ),
)

FIGURES = (
    course(
        "FiguresStale",
        [s("rag_metrics_age_seconds", collector="queue"), s("rag_metrics_age_seconds", collector="index")],
        (1, 10),
        (1, 590),
        ((1, 650), WARNING),
        hold=MINUTE,
        labels={**HERE, "collector": "index"},
    ),
    # What takes long is looked up every few minutes.
    Case(
        "FiguresStale",
        [s("rag_metrics_age_seconds", collector="documents")],
        [Stage(5 * MINUTE, (Slope(1.0),)), Stage(4 * MINUTE, (1,)), Stage(5 * MINUTE, (Slope(1.0),))],
    ),
    # One that hangs, until it answers.
    Case(
        "FiguresStale",
        [s("rag_metrics_age_seconds", collector="queue")],
        [
            Stage(HOUR, (5,)),
            Stage(10 * MINUTE, (Slope(1.0),)),
            Stage(5 * MINUTE, (Slope(1.0),), WARNING),
            Stage(2 * MINUTE, (5,)),
        ],
        {**HERE, "collector": "queue"},
    ),
)

_CHANNELS = [s("rag_alert_channel_ok", channel=channel) for channel in ("mail", "webhook")]

CHANNELS = (
    course(
        "AlertChannelFailing",
        _CHANNELS,
        (1, 1),
        (1, 1),
        ((0, 1), WARNING),
        hold=5 * MINUTE,
        labels={**HERE, "channel": "mail"},
    ),
    # A message that arrives at the second time.
    Case("AlertChannelFailing", _CHANNELS, [Stage(5 * MINUTE, (1, 1)), Stage(2 * MINUTE, (1, 0)), Stage(HOUR, (1, 1))]),
    # One of two that is not set up.
    Case("AlertChannelFailing", _CHANNELS, [Stage(HOUR, (float("nan"), 1))]),
    # The first message there ever was, until one arrives.
    Case(
        "AlertChannelFailing",
        _CHANNELS[1:],
        [Stage(4 * MINUTE, (0,)), Stage(10 * MINUTE, (0,), WARNING), Stage(5 * MINUTE, (1,))],
        {**HERE, "channel": "webhook"},
    ),
)

ALL = (*THERE, *ERRORS, *SLOW, *MODELS, *DEGRADED, *OBJECTIVES, *KEEPING, *FIGURES, *CHANNELS, *MACHINE)
