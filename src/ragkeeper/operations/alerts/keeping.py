"""Alerts about what the server keeps: database, index, documents on their way in, caches."""

from dataclasses import dataclass
from typing import ClassVar

from ragkeeper.core.figures.holdings import (
    ALERT_CHANNEL_OK,
    CHUNKS,
    COMPONENT_UP,
    CONNECTIONS,
    CONNECTIONS_MOST,
    DOCUMENTS,
    FIRST_START,
    INDEX_CHECKED,
    INDEX_LAG,
    INDEX_MISSING,
    INDEX_ORPHANS,
    INDEX_POINTS,
    LOOK_AGE,
    LOOP_OK,
    QUEUE_DEAD,
    QUEUE_PAUSED,
    QUEUE_STILL,
    REDIS_UP,
    SQL_SECONDS,
)
from ragkeeper.core.figures.machine import CLOCK
from ragkeeper.operations.alerts.answering import CRITICAL, DAY, HOUR, MINUTE, WARNING
from ragkeeper.operations.alerts.conditions import Above, Below, Fall, Lacks, OlderThan, PartAbove, QuantileAbove
from ragkeeper.operations.alerts.expressions import Absent, Both, Compare, Either, Expression, Match, Number, Select
from ragkeeper.operations.alerts.models import Alert

_DATABASE = Select(COMPONENT_UP, (Match("component", ("database",)),))
_INDEX = Select(COMPONENT_UP, (Match("component", ("vector_db",)),))


@dataclass(frozen=True, slots=True)
class UncheckedFor:
    """More seconds since the last check than the threshold; before the first one, since the server's first start."""

    limits: ClassVar = OlderThan.limits
    clock: Select
    checked: Select
    first_start: Select
    threshold: float

    @property
    def expression(self) -> Expression:
        checked, begun = (OlderThan(self.clock, one, self.threshold) for one in (self.checked, self.first_start))
        # Its series is there before the first check too, and is no number.
        never = Absent(Compare(self.checked, ">=", Number(0)))
        return Either(checked.expression, Both(begun.expression, never))


def table() -> tuple[Alert, ...]:
    return (*_databases(), *_index_itself(), *_index_content(), *_documents(), *_figures())


def _databases() -> tuple[Alert, ...]:
    return (
        Alert(
            "DatabaseDown",
            CRITICAL,
            "The database cannot be used",
            "The server's own look at its database has failed for half a minute: it can answer nothing.",
            Below(_DATABASE, 1, ("instance",)),
            30,
            "database-down",
            ("G3 Database unreachable, critical", "G4 DatabaseDown: for 30s, critical"),
            group="rag-system",
        ),
        Alert(
            "PostgresDown",
            WARNING,
            "The database cannot be used",
            "The server's own look at its database, whatever engine that is, has failed for a minute. DatabaseDown "
            "says so sooner and keeps this one silent.",
            Below(_DATABASE, 1, ("instance",)),
            MINUTE,
            "database-down",
            ("G2 PostgresDown: unavailable for 1 minute",),
        ),
        Alert(
            "DatabaseConnectionsHigh",
            WARNING,
            "More than 80 % of the database's connections are in use",
            "When all are, requests wait for each other.",
            PartAbove(Select(CONNECTIONS), Select(CONNECTIONS_MOST), 0.8),
            5 * MINUTE,
            "database-down",
            ("G0 DatabaseConnectionsHigh: above 0.8 for 5m, warning",),
        ),
        Alert(
            "SlowStatements",
            WARNING,
            "One SQL statement in twenty takes more than 0.1 seconds",
            "The 95th percentile of the statements' time is above that; the slow ones have their names in the log.",
            QuantileAbove(SQL_SECONDS, (), 0.95, 5 * MINUTE, 0.1, least=50),
            5 * MINUTE,
            "slow",
            ("G0 target: below 100 ms for the 95th percentile",),
        ),
        Alert(
            "RedisDown",
            WARNING,
            "Redis cannot be used",
            "Caches, breakers and limits are this server's own until it is back.",
            Below(Select(REDIS_UP), 1, ("instance",)),
            MINUTE,
            "redis-away",
            ("G2 RedisDown: unavailable for 1 minute",),
        ),
    )


def _index_itself() -> tuple[Alert, ...]:
    return (
        Alert(
            "QdrantDown",
            CRITICAL,
            "The search index cannot be used",
            "The server cannot search its index, whatever engine that is: searches go by words in the database. "
            "A broken index in the data folder is built anew by itself.",
            Below(_INDEX, 1, ("instance",)),
            30,
            "index-out-of-step",
            ("G4 QdrantDown: for 30s, critical; whatever the index runs on",),
            group="rag-system",
        ),
        Alert(
            "IndexLag",
            WARNING,
            "The search index is 5 minutes behind",
            "The oldest change has waited for the index longer than that.",
            Above(Select(INDEX_LAG), 5 * MINUTE),
            MINUTE,
            "index-out-of-step",
        ),
        Alert(
            "IndexLag",
            CRITICAL,
            "The search index is an hour behind",
            "The oldest change has waited for the index longer than that.",
            Above(Select(INDEX_LAG), HOUR),
            MINUTE,
            "index-out-of-step",
        ),
        Alert(
            "IndexUnchecked",
            WARNING,
            "The search index has not been compared with the database for two days",
            "That happens every night at 03:17 UTC; perhaps the job failed.",
            UncheckedFor(Select(CLOCK), Select(INDEX_CHECKED), Select(FIRST_START), 2 * DAY),
            MINUTE,
            "index-out-of-step",
        ),
    )


def _index_content() -> tuple[Alert, ...]:
    return (
        Alert(
            "IndexOrphans",
            WARNING,
            "The search index holds what the database lacks",
            "The last check found such chunks. They are never shown, but take room and time.",
            Above(Select(INDEX_ORPHANS), 0),
            5 * MINUTE,
            "index-out-of-step",
        ),
        Alert(
            "IndexMissing",
            WARNING,
            "The search index lacks chunks or vectors",
            "The last check found documents that are not found, or not by their meaning.",
            Above(Select(INDEX_MISSING), 0),
            5 * MINUTE,
            "index-out-of-step",
        ),
        Alert(
            "IndexIncomplete",
            CRITICAL,
            "The search index holds less than nine tenths of the passages",
            "Documents are not found although they are there; a large upload may need some minutes.",
            Lacks(Select(INDEX_POINTS), Select(CHUNKS), 20, 0.9),
            10 * MINUTE,
            "index-out-of-step",
            ("G1 alerts for any deviation: indexed document counts",),
        ),
    )


def _documents() -> tuple[Alert, ...]:
    return (
        Alert(
            "DocumentsFell",
            WARNING,
            "A fifth of the documents is gone",
            "Within the last hour; if nobody meant to, look who deleted them.",
            Fall(Select(DOCUMENTS), HOUR, 20, 0.8),
            0,
            "documents-gone",
            ("G1 alerts for any deviation: indexed document counts",),
        ),
        Alert(
            "DeadLetters",
            WARNING,
            "Documents could not be read",
            "They failed for good and wait for somebody.",
            Above(Select(QUEUE_DEAD), 0),
            5 * MINUTE,
            "document-stuck",
        ),
        Alert(
            "QueueStalled",
            WARNING,
            "Documents have waited for half an hour, and none was read",
            "A large import that goes on is none: something holds the readers, or they are gone.",
            Above(Select(QUEUE_STILL), 30 * MINUTE),
            5 * MINUTE,
            "document-stuck",
        ),
        Alert(
            "QueuePaused",
            WARNING,
            "Reading has been paused for an hour",
            "Somebody paused it, or the disk is too full to go on.",
            Above(Select(QUEUE_PAUSED), 0),
            HOUR,
            "document-stuck",
        ),
        Alert(
            "LoopFailing",
            WARNING,
            "The background loop {loop} fails",
            "Each of its runs has failed for five minutes.",
            Below(Select(LOOP_OK), 1, ("loop",)),
            5 * MINUTE,
            "part-down",
        ),
    )


def _figures() -> tuple[Alert, ...]:
    return (
        Alert(
            "FiguresStale",
            WARNING,
            "Figures are ten minutes old: {collector}",
            "They could not be looked up since and keep their last values: alerts on them neither begin nor end.",
            Above(Select(LOOK_AGE), 10 * MINUTE, ("instance", "collector")),
            MINUTE,
            "part-down",
        ),
        # It waits for the failing channel too: sending it is the try that ends it where nothing else is to be told.
        Alert(
            "AlertChannelFailing",
            WARNING,
            "Alerts of the server do not arrive by {channel}",
            "For five minutes its last message has not arrived, or not with everybody; what waits is sent again.",
            Below(Select(ALERT_CHANNEL_OK), 1, ("instance", "channel")),
            5 * MINUTE,
            "part-down",
        ),
    )
