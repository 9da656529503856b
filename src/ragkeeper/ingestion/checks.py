"""Whether files get read: nothing stands still, nothing has been given up, scanned pages can be read."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from ragkeeper.core.checks import Check, Finding, Kind, Severity
from ragkeeper.core.clock import Clock
from ragkeeper.storage.sql.readonly import ReadOnly

_WAITED = timedelta(hours=1)
_CODES = 5

DOCUMENTS_FAILED = Kind(
    "documents_failed",
    Severity.WARNING,
    "{count} files could not be read ({codes})",
    "Nothing of their newest content is found.",
    "ragkeeper jobs list --state failed",
)
QUEUE_STALLED = Kind(
    "queue_stalled",
    Severity.WARNING,
    "{count} files wait to be read, and none was read for {minutes} minutes",
    "They are not found yet, and nothing says that they soon will be.",
    "ragkeeper jobs list --state queued  # `ragkeeper jobs why ID` says what one waits for",
)
READING_ABANDONED = Kind(
    "reading_abandoned",
    Severity.WARNING,
    "{count} files are being read by processes that are gone",
    "They stand still until a server takes them up again, half a minute after its start.",
    "ragkeeper serve",
)
READING_PAUSED = Kind(
    "reading_paused",
    Severity.NOTE,
    "Reading of files was paused by hand",
    "Uploads are accepted and wait.",
    "ragkeeper jobs resume",
)
OCR_MISSING = Kind(
    "ocr_missing",
    Severity.WARNING,
    "Data to read scanned pages in {languages} is not installed",
    "Scanned pages and pictures come without text; their documents say so.",
    "apt-get install {packages}",
)


def ingestion_checks(truth: ReadOnly, ocr_languages: str, can_read: Callable[[str], bool], clock: Clock) -> list[Check]:
    """ocr_languages: of RAG_OCR_LANGUAGES; can_read: whether what reading them needs is installed."""

    def ocr() -> Iterable[Finding]:
        if not ocr_languages or can_read(ocr_languages):
            return []
        names = ocr_languages.split("+")
        packages = " ".join(f"tesseract-ocr-{name.replace('_', '-')}" for name in names)
        return [OCR_MISSING.found({"languages": ", ".join(names), "packages": packages})]

    return [
        Check("documents", "given up", lambda: list(_failed(truth))),
        Check("documents", "queue", lambda: list(_queue(truth, clock)), quick=True),
        Check("documents", "readers", lambda: list(_abandoned(truth)), quick=True),
        Check("documents", "scanned pages", ocr, quick=True),
    ]


def _failed(truth: ReadOnly) -> Iterator[Finding]:
    rows = truth.rows(
        "SELECT v.error_code, count(*) FROM versions v JOIN documents d ON d.newest_version_id = v.id "
        "WHERE v.status = 'failed' GROUP BY 1 ORDER BY 2 DESC"
    )
    if rows:
        codes = ", ".join(f"{count} {code}" for code, count in rows[:_CODES])
        yield DOCUMENTS_FAILED.found({"count": sum(count for _, count in rows), "codes": codes})


def _queue(truth: ReadOnly, clock: Clock) -> Iterator[Finding]:
    paused = truth.rows("SELECT value FROM settings WHERE name = 'reading_paused'")
    if paused and paused[0][0] not in {"null", "false"}:
        yield READING_PAUSED.found()
    count, oldest = truth.rows("SELECT count(*), min(queued_at) FROM versions WHERE status = 'accepted'")[0]
    if not oldest:
        return
    # A large import is read for hours, and stands still only once nothing of it is read any more.
    read = truth.rows("SELECT ended_at FROM attempts ORDER BY id DESC LIMIT 1")
    since = max(oldest, read[0][0]) if read else oldest
    waited = clock() - datetime.fromisoformat(since).replace(tzinfo=UTC)
    if waited >= _WAITED:
        yield QUEUE_STALLED.found({"count": count, "minutes": int(waited.total_seconds() // 60)})


def _abandoned(truth: ReadOnly) -> Iterator[Finding]:
    count = truth.rows(
        "SELECT count(*) FROM versions WHERE status = 'parsing' AND "
        "(claimed_by IS NULL OR claimed_by NOT IN (SELECT id FROM workers))"
    )[0][0]
    if count:
        yield READING_ABANDONED.found({"count": count})
