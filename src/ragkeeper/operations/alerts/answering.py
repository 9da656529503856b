"""Alerts about what people notice: is it there, does it answer, how soon, and with what."""

from ragkeeper.core.figures.holdings import COMPONENT_UP, PROVIDER_UP, READY
from ragkeeper.core.figures.work import FRESHNESS
from ragkeeper.core.metrics import (
    BREAKER_STATE,
    DEGRADATION_CAUSE,
    DEGRADATION_STEP,
    GROUNDING,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    LLM_SECONDS,
    REQUESTS_SHED,
)
from ragkeeper.operations.alerts.conditions import (
    Above,
    AboveWhileDown,
    Below,
    Burn,
    CountAbove,
    Events,
    NoneLeft,
    QuantileAbove,
    Share,
    ShareAbove,
    Slower,
    TargetsDown,
)
from ragkeeper.operations.alerts.expressions import Match, Select, duration
from ragkeeper.operations.alerts.models import Alert, Scene, Severity

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
# What watches the server asks it too: that is no request of anybody's, and says 503 when it should.
REQUESTS = (Match("path", ("/health.*|/metrics|/status",), negated=True, pattern=True),)
FAILED = Match("status", ("5..",), pattern=True)
ERRORS = Events(Select(HTTP_REQUESTS, (*REQUESTS, FAILED)), Select(HTTP_REQUESTS, REQUESTS))
# What a provider did, not what was asked of it or who went away.
_WELL = ("ok", "cancelled", "chat_refused", "chat_rate_limited")
MODEL_CALLS = Events(
    Select(LLM_SECONDS, (Match("outcome", _WELL, negated=True),), "_count"),
    Select(LLM_SECONDS, (), "_count"),
    ("provider",),
)
ANSWERS = Events(Select(GROUNDING, (Match("result", ("partly", "ungrounded")),)), Select(GROUNDING))
FRESH_SECONDS = 300
"""A content should be found within this time."""

# Of https://sre.google/workbook/alerting-on-slos/: how fast what may go wrong in 30 days is used up, seen over which
# long and short window, and for how long.
_BURNS = (
    (14.4, HOUR, 5 * MINUTE, 2 * MINUTE, CRITICAL),
    (6.0, 6 * HOUR, 30 * MINUTE, 15 * MINUTE, CRITICAL),
    (3.0, DAY, 2 * HOUR, HOUR, WARNING),
    (1.0, 3 * DAY, 6 * HOUR, 3 * HOUR, WARNING),
)


def table(scene: Scene) -> tuple[Alert, ...]:
    return (*_there(scene), *_errors(), *_slow(scene), *_models(), *_degraded(), *_objectives(scene))


def user_paths(scene: Scene) -> tuple[Match, ...]:
    return (Match("path", scene.paths),)


def _there(scene: Scene) -> tuple[Alert, ...]:
    own = tuple(target for target in scene.targets if target[0] == "rag-interface")
    return (
        Alert(
            "ServiceDown",
            CRITICAL,
            "Service {instance} is down",
            "Prometheus cannot read {instance}, or nobody told it to any more.",
            TargetsDown(own or (("rag-interface", ""),)),
            MINUTE,
            "server-down",
            ("G0 ServiceDown: up == 0 for 1m, critical",),
            outside=True,
        ),
        Alert(
            "InstanceDown",
            WARNING,
            "{instance} cannot be read",
            "The target {instance} of the job {job} has not been readable for a minute.",
            TargetsDown(scene.targets or (("rag-interface", ""),)),
            MINUTE,
            "server-down",
            ("G2 InstanceDown: unreachable for 1 minute",),
            outside=True,
        ),
        Alert(
            "ApplicationDown",
            CRITICAL,
            "No server answers questions",
            "No target is ready: every one is down, starting, stopping, or without its database.",
            NoneLeft(Select(READY)),
            # One scrape that is lost, as while a server is started anew, is told nobody.
            30,
            "server-down",
            ("G3 Application down: all pods unhealthy, critical",),
            outside=True,
        ),
        Alert(
            "FiguresMissing",
            WARNING,
            "The server's own figures are missing",
            "No target shows `rag_degradation_step`, which each server has from its start.",
            NoneLeft(Select(DEGRADATION_STEP), threshold=0),
            5 * MINUTE,
            "server-down",
            outside=True,
        ),
    )


def _errors() -> tuple[Alert, ...]:
    return (
        Alert(
            "HighErrorRate",
            WARNING,
            "More than 1 % of the requests fail",
            "More than 1 in 100 requests of the last five minutes got a status of 500 or more.",
            ShareAbove(ERRORS, 5 * MINUTE, 0.01, least=20, least_bad=2),
            5 * MINUTE,
            "errors",
            ("G0 HighErrorRate: 5m, warning; its target: below 1 %", "G3 error rate above 1 %"),
            group="rag-system",
        ),
        Alert(
            "HighErrorRate",
            CRITICAL,
            "More than 5 % of the requests fail",
            "More than 1 in 20 requests of the last one and a half minutes got a status of 500 or more.",
            ShareAbove(ERRORS, 90, 0.05, least=10, least_bad=2),
            30,
            "errors",
            ("G2 HighErrorRate: above 5 % for 5m", "G3 above 5 %, critical", "G4 above 0.05 for 1m, critical"),
            group="rag-system",
        ),
        Alert(
            "RequestsShed",
            WARNING,
            "Requests are turned away: more come than can be answered",
            "In five minutes more than 20 requests of the kind {kind} were refused with `overloaded`.",
            CountAbove(Select(REQUESTS_SHED), 5 * MINUTE, 20, ("kind",)),
            MINUTE,
            "overloaded",
        ),
    )


def _slow(scene: Scene) -> tuple[Alert, ...]:
    paths = user_paths(scene)
    return (
        Alert(
            "HighResponseTime",
            WARNING,
            "Answers take long: one in twenty more than 2 seconds",
            "The 95th percentile of searches and answers is above 2 seconds.",
            QuantileAbove(HTTP_SECONDS, paths, 0.95, 5 * MINUTE, 2, least=10),
            2 * MINUTE,
            "slow",
            ("G0 target: below 2 s for the 95th percentile", "G4 HighResponseTime: above 2 s for 2m, warning"),
            group="rag-system",
        ),
        Alert(
            "HighResponseTime",
            CRITICAL,
            "Answers take very long: one in twenty more than 3 seconds",
            "The 95th percentile of searches and answers is above 3 seconds.",
            QuantileAbove(HTTP_SECONDS, paths, 0.95, 5 * MINUTE, 3, least=10),
            5 * MINUTE,
            "slow",
            ("G3 response time above 3 s for 5 minutes",),
            group="rag-system",
        ),
        Alert(
            "HighLatency",
            WARNING,
            "One answer in a hundred takes more than 2 seconds",
            "The 99th percentile of searches and answers is above 2 seconds.",
            QuantileAbove(HTTP_SECONDS, paths, 0.99, 5 * MINUTE, 2, least=50),
            5 * MINUTE,
            "slow",
            ("G2 HighLatency: P99 above 2 s for 5 minutes",),
        ),
    )


def _models() -> tuple[Alert, ...]:
    return (
        Alert(
            "LLMErrorsHigh",
            WARNING,
            "Calls of the provider {provider} fail",
            "More than 1 in 20 model calls of the last five minutes failed.",
            ShareAbove(MODEL_CALLS, 5 * MINUTE, 0.05, least=20, least_bad=2),
            MINUTE,
            "model-provider-fails",
            ("G2 LLMErrorsHigh: above 5 %",),
        ),
        Alert(
            "OllamaDown",
            WARNING,
            "The model provider {provider} cannot be used",
            "For a minute its newest call or look failed, or its breaker lets no call through.",
            Below(Select(PROVIDER_UP), 1, ("provider",)),
            MINUTE,
            "model-provider-fails",
            ("G4 OllamaDown: for 1m, warning; any provider, whatever its name",),
            group="rag-system",
        ),
        Alert(
            "BreakerOpen",
            CRITICAL,
            "The breaker of {provider} has not closed for 15 minutes",
            "Calls of its {operation} fail or are not made; the next provider answers, or answers are quoted.",
            # While nobody asks, a breaker waits for its first call: no trouble where the provider is well again.
            AboveWhileDown(
                Select(BREAKER_STATE), Select(PROVIDER_UP), 0, by=("provider", "operation"), shared=("provider",)
            ),
            15 * MINUTE,
            "model-provider-fails",
        ),
    )


def _degraded() -> tuple[Alert, ...]:
    return (
        Alert(
            "Degraded",
            WARNING,
            "The server works in a degraded way: {cause}",
            "Something has been missing for five minutes; answers are worse than they could be.",
            Above(Select(DEGRADATION_CAUSE, (Match("cause", ("forced",), negated=True),)), 0, ("cause",)),
            5 * MINUTE,
            "degraded",
        ),
        Alert(
            "ReadOnly",
            CRITICAL,
            "Nothing is stored",
            "The server answers questions and takes no change: its disk is full, read-only, or somebody said so.",
            Above(Select(DEGRADATION_STEP), 4),
            2 * MINUTE,
            "degraded",
        ),
        Alert(
            "DegradationForced",
            WARNING,
            "A degradation step has been forced for a day",
            "Somebody forced it more than a day ago; perhaps it is no longer needed.",
            Above(Select(DEGRADATION_CAUSE, (Match("cause", ("forced",)),)), 0),
            DAY,
            "degraded",
        ),
        Alert(
            "PartDown",
            CRITICAL,
            "A part of the server cannot be used: {component}",
            "Its health check has failed for five minutes.",
            Below(Select(COMPONENT_UP, (Match("component", _OWN_ALERT, negated=True),)), 1, ("component",)),
            5 * MINUTE,
            "part-down",
        ),
    )


# Parts that alerts of their own watch.
_OWN_ALERT = ("database", "vector_db", "redis", "llm_service")


def _objectives(scene: Scene) -> tuple[Alert, ...]:
    slow = Slower(HTTP_SECONDS, 2, user_paths(scene))
    stale = Slower(FRESHNESS, FRESH_SECONDS)
    return (
        *_burns("AvailabilityBurn", "requests fail", ERRORS, 0.999, "errors", least=10),
        *_burns("LatencyBurn", "answers take more than 2 seconds", slow, 0.95, "slow", least=10),
        *_burns("GroundedBurn", "answers hold sentences that no passage supports", ANSWERS, 0.95, "not-grounded", 10),
        *_burns("FreshnessBurn", "documents take more than 5 minutes to be found", stale, 0.95, "document-stuck", 5),
    )


def _burns(name: str, what: str, share: Share, objective: float, page: str, least: float) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            name,
            severity,
            f"Too many {what}",
            f"Over {duration(long)} what may go wrong in 30 days is used up {factor:g} times as fast as it may be.",
            Burn(share, long, short, factor, objective, least, least_bad=2),
            hold,
            page,
            group="rag-objectives",
            variant=duration(long),
        )
        for factor, long, short, hold, severity in _BURNS
    )
