"""All faults; here are those of the server, its requests and what it keeps."""

import fcntl
import subprocess
import time

from tests.contract.chat.standin import Behaviour
from tests.contract.embedding.standin import Reply
from tests.faults.alerts.fault import DAYS, Act, Fault
from tests.faults.alerts.machine import MACHINE
from tests.faults.alerts.scene import PIECES, Needs, Scene, sql

_MINUTES = 0.01
_SLOW = 0.05
# Which bytes of SQLite's shared memory its readers lock: https://sqlite.org/walformat.html#wal_locks
_FIRST_READ_LOCK, _READ_LOCKS = 123, 5


_SLOW_SOURCES = """
CREATE VIEW sources AS SELECT kept_sources.* FROM (
  WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400000) SELECT max(x) AS most FROM n
) CROSS JOIN kept_sources WHERE most > 0
"""


def _burn(name: str) -> tuple[str, ...]:
    return tuple(f"{name}.{one}" for one in ("critical.1h", "critical.6h", "warning.1d", "warning.3d"))


def _untold(name: str) -> tuple[str, ...]:
    return tuple(one for one in _burn(name) if ".warning." in one)


# ---- the server and its requests


def _break_sources(made: Scene) -> None:
    sql(made, "ALTER TABLE sources RENAME TO misplaced")


def _mend_sources(made: Scene) -> None:
    sql(made, "ALTER TABLE misplaced RENAME TO sources")


def _half_fail(made: Scene) -> None:
    for path in ("/api/v1/sources", "/api/v1/documents"):
        made.server.http.get(path)


def _slow_model(seconds: float) -> Act:
    def act(made: Scene) -> None:
        made.model.delay = seconds

    return act


def _model_fails(made: Scene) -> None:
    made.model.behave(Behaviour.STATUS, status=500)


def _model_works(made: Scene) -> None:
    made.model.behave(Behaviour.REPLY)


def _one_in_four(made: Scene) -> None:
    """Asks four times; while `pieces` are the broken ones, one of the calls fails."""
    for number in range(4):
        broken = number == 3 and made.model.pieces == ("broken",)
        made.model.behave(Behaviour.MALFORMED if broken else Behaviour.REPLY)
        made.ask()


def _pieces(*pieces: str) -> Act:
    def act(made: Scene) -> None:
        made.model.pieces = pieces

    return act


def _embedder(status: int) -> Act:
    def act(made: Scene) -> None:
        made.embedder.replies = [Reply(status)] * 10_000 if status != 200 else []

    return act


REQUESTS = (
    Fault(
        "the server is killed",
        ("ServiceDown.critical", "InstanceDown.warning", "ApplicationDown.critical", "FiguresMissing.warning"),
        Scene.kill,
        Scene.start_again,
        untold=("InstanceDown.warning", "FiguresMissing.warning"),
    ),
    Fault(
        "half of the requests get status 500",
        ("HighErrorRate.warning", "HighErrorRate.critical"),
        _break_sources,
        _mend_sources,
        Needs(_MINUTES),
        _half_fail,
        pause=0.02,
        untold=("HighErrorRate.warning",),
    ),
    Fault(
        "half of the requests get status 500, for long",
        _burn("AvailabilityBurn"),
        _break_sources,
        _mend_sources,
        Needs(DAYS),
        _half_fail,
        pause=0.02,
        untold=_untold("AvailabilityBurn"),
    ),
    Fault(
        "the model takes 4 seconds",
        ("HighResponseTime.warning", "HighResponseTime.critical", "HighLatency.warning"),
        _slow_model(4),
        _slow_model(0),
        Needs(_SLOW),
        Scene.ask,
        threads=40,
        pause=3.0,
        untold=("HighResponseTime.warning", "HighLatency.warning"),
        seconds=120,
    ),
    Fault(
        "the model takes 3 seconds, for long",
        _burn("LatencyBurn"),
        _slow_model(3),
        _slow_model(0),
        Needs(DAYS * 4),
        Scene.ask,
        threads=40,
        pause=3.0,
        untold=_untold("LatencyBurn"),
        seconds=120,
    ),
    Fault(
        "one model call in four fails",
        ("LLMErrorsHigh.warning",),
        _pieces("broken"),
        _pieces(*PIECES),
        Needs(_SLOW),
        _one_in_four,
    ),
    Fault(
        "the model fails",
        ("OllamaDown.warning", "BreakerOpen.critical", "Degraded.warning"),
        _model_fails,
        _model_works,
        Needs(_MINUTES),
        Scene.ask,
        pause=0.2,
    ),
    Fault(
        "the model writes what no passage says",
        _burn("GroundedBurn"),
        _pieces("Bananas are blue. ", "They grow under water."),
        _pieces(*PIECES),
        Needs(DAYS),
        Scene.ask,
        threads=2,
        untold=_untold("GroundedBurn"),
    ),
    Fault(
        "more is asked than can be answered",
        ("RequestsShed.warning",),
        _slow_model(3),
        _slow_model(0),
        Needs(_SLOW, settings={"RAG_SHED_LOAD": "true"}),
        Scene.ask,
        threads=40,
        pause=3.0,
    ),
    Fault(
        "the embedding endpoint fails",
        ("PartDown.critical",),
        _embedder(500),
        _embedder(200),
        Needs(_MINUTES, embedder=True),
        Scene.search,
        pause=0.2,
    ),
    Fault(
        "an administrator makes it read-only",
        ("ReadOnly.critical", "DegradationForced.warning"),
        lambda made: made.server.run("degrade", "--to", "read_only", "--for", "1h"),
        lambda made: made.server.run("degrade", "--auto"),
        Needs(DAYS),
        seconds=120,
    ),
)

# ---- what it keeps

_COPY = (
    "INSERT INTO chunks (version_id, document_id, ordinal, start, end, tokens, headings, text, gap) SELECT version_id, "
    "document_id, ordinal + 1000 * n, start, end, tokens, headings, text, gap FROM chunks, "
    "(SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) WHERE ordinal < 1000"
)


def _copy_passages(made: Scene) -> None:
    sql(made, _COPY)
    made.server.run("doctor", "index", check=False)


def _remove_copies(made: Scene) -> None:
    sql(made, "DELETE FROM chunks WHERE ordinal >= 1000")
    made.server.run("doctor", "index", check=False)


def _take_passages(made: Scene) -> None:
    sql(made, "CREATE TABLE kept AS SELECT * FROM chunks", "DELETE FROM chunks WHERE id % 2 = 0")
    made.server.run("doctor", "index", check=False)


def _put_passages_back(made: Scene) -> None:
    sql(made, "INSERT INTO chunks SELECT * FROM kept WHERE id % 2 = 0", "DROP TABLE kept")
    made.server.run("doctor", "index", check=False)


def _remove_index(made: Scene) -> None:
    subprocess.run(["rm", "-r", str(made.data / "index")], check=True)
    made.add()


def _lock_database(made: Scene) -> None:
    """Hold every lock that a reader needs, so that each statement waits."""
    shared = (made.data / "ragkeeper.db-shm").open("r+b")
    fcntl.lockf(shared, fcntl.LOCK_EX, _READ_LOCKS, _FIRST_READ_LOCK)
    made.held.append(shared)


def _free_database(made: Scene) -> None:
    made.held.pop().close()


def _slow_sources(made: Scene) -> None:
    sql(made, "ALTER TABLE sources RENAME TO kept_sources", _SLOW_SOURCES)


def _quick_sources(made: Scene) -> None:
    sql(made, "DROP VIEW sources", "ALTER TABLE kept_sources RENAME TO sources")


def _list_sources(made: Scene) -> None:
    made.server.http.get("/api/v1/sources")


def _delete_half(made: Scene) -> None:
    found = made.server.http.get("/api/v1/documents", params={"limit": 100}).json()
    rows = found.get("documents") or found.get("items")
    for one in rows[: len(rows) // 2]:
        made.server.http.delete(f"/api/v1/documents/{one['id']}")


def _answer_alerts(made: Scene, status: int) -> None:
    """Let the webhook answer so from now on, whatever it is told of, and send it a message."""
    made.embedder.replies[:] = [Reply(status)] * 1000
    made.server.run("monitoring", "test", check=status == 200)


def _upload_garbage(made: Scene) -> None:
    made.server.http.post("/api/v1/documents", files={"file": ("broken.pdf", b"%PDF-1.7 nothing of the kind")})


def _discard(made: Scene) -> None:
    failed = made.server.http.get("/api/v1/jobs", params={"state": "failed"}).json()
    for one in failed.get("jobs") or failed.get("items") or []:
        made.server.run("jobs", "discard", one["id"], "--yes")


def _pause_reading(made: Scene) -> None:
    made.server.run("jobs", "pause")
    made.add()


def _hold_documents(made: Scene) -> None:
    made.server.run("jobs", "pause")
    for _ in range(60):
        made.add()
    time.sleep(305)
    made.server.run("jobs", "resume")


def _look_at_index(made: Scene) -> None:
    made.server.run("doctor", "index", check=False)


KEEPING = (
    Fault(
        "the database answers nobody",
        ("DatabaseDown.critical", "PostgresDown.warning"),
        _lock_database,
        _free_database,
        untold=("PostgresDown.warning",),
    ),
    Fault(
        "every connection to the database is in use",
        ("DatabaseConnectionsHigh.warning",),
        _lock_database,
        _free_database,
        load=_list_sources,
        threads=16,
        pause=0.2,
    ),
    Fault(
        "a table is read slowly",
        ("SlowStatements.warning",),
        _slow_sources,
        _quick_sources,
        Needs(_SLOW),
        _list_sources,
        threads=4,
        pause=0.1,
        seconds=120,
    ),
    Fault(
        "Redis is gone",
        ("RedisDown.warning",),
        lambda made: made.redis and made.redis.stop(),
        lambda made: made.redis and made.redis.start(),
        Needs(redis=True),
    ),
    Fault(
        "the folder of the index is removed",
        ("QdrantDown.critical", "IndexLag.warning", "IndexLag.critical"),
        _remove_index,
        needs=Needs(thresholds="IndexLag.warning=1,IndexLag.critical=4"),
        untold=("IndexLag.warning",),
        seconds=120,
    ),
    Fault(
        "the index lacks three passages of four",
        ("IndexMissing.warning", "IndexIncomplete.critical"),
        _copy_passages,
        _remove_copies,
        Needs(documents=24),
    ),
    Fault(
        "the database lost half of the passages",
        ("IndexOrphans.warning",),
        _take_passages,
        _put_passages_back,
    ),
    Fault(
        "nobody compares the index",
        ("IndexUnchecked.warning",),
        _look_at_index,
        _look_at_index,
        # Longer than it takes to get there: before the first look its age counts from the server's first start.
        Needs(thresholds="IndexUnchecked.warning=40"),
        seconds=90,
    ),
    Fault(
        "a table that figures need is gone",
        ("FiguresStale.warning",),
        lambda made: sql(made, "ALTER TABLE collections RENAME TO misplaced"),
        lambda made: sql(made, "ALTER TABLE misplaced RENAME TO collections"),
        # Some figures are looked up every ten seconds, or less often where that takes long.
        Needs(thresholds="FiguresStale.warning=40"),
        seconds=120,
    ),
    Fault(
        "the webhook of alerts fails",
        ("AlertChannelFailing.warning",),
        lambda made: _answer_alerts(made, 500),
        lambda made: _answer_alerts(made, 200),
        Needs(webhook=True),
    ),
    Fault(
        "half of the documents are deleted",
        ("DocumentsFell.warning",),
        _delete_half,
        needs=Needs(0.005, documents=24),
    ),
    Fault(
        "a file cannot be read",
        ("DeadLetters.warning",),
        _upload_garbage,
        _discard,
    ),
    Fault(
        "reading is paused",
        ("QueuePaused.warning", "QueueStalled.warning"),
        _pause_reading,
        lambda made: made.server.run("jobs", "resume"),
        Needs(0.002, thresholds="QueueStalled.warning=3"),
    ),
    Fault(
        "documents wait for more than five minutes",
        _burn("FreshnessBurn"),
        _hold_documents,
        needs=Needs(DAYS * 10),
        untold=_untold("FreshnessBurn"),
        seconds=400,
    ),
    Fault(
        "a table that reading needs is gone",
        ("LoopFailing.warning",),
        lambda made: sql(made, "ALTER TABLE index_outbox RENAME TO misplaced"),
        lambda made: sql(made, "ALTER TABLE misplaced RENAME TO index_outbox"),
        load=Scene.add,
        pause=1.0,
    ),
)

FAULTS = (*REQUESTS, *KEEPING, *MACHINE)
