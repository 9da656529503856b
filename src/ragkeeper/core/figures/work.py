"""What is counted of documents on their way in, of background jobs and of the log."""

from ragkeeper.core.instruments import Counter, Histogram, Label, Metric

UPLOAD_RESULTS = ("accepted", "refused", "failed")
DOCUMENT_RESULTS = ("ok", "failed", "abandoned")
INGEST_STEPS = ("wait", "parse", "chunk", "save", "embed")
JOB_OUTCOMES = ("ok", "failed")
LEVELS = ("debug", "info", "warning", "error", "critical")

# Up to the longest that RAG_PARSER_SECONDS usually allows, and for waits far beyond it.
_STEP_BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400)
_FRESH_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400)

_RESULT = Label("result", DOCUMENT_RESULTS)

UPLOADS = Counter(
    "rag_uploads_total",
    "Uploads by the answer to them; `code` says why one was refused (4xx) or failed (5xx), `none` of the others.",
    (Label("result", UPLOAD_RESULTS), Label("code")),
)
DOCUMENTS_PROCESSED = Counter(
    "rag_documents_processed_total",
    "Contents that were read to an end; `code` says why one failed, else `none`. `abandoned`: not wanted any more.",
    (_RESULT, Label("code")),
)
BYTES_PROCESSED = Counter("rag_document_bytes_processed_total", "Bytes of these contents.", (_RESULT,), "bytes")
INGEST_SECONDS = Histogram(
    "rag_ingest_step_seconds",
    "Time of each content in each step: its wait, reading, cutting, saving, and from its words to its vectors.",
    (Label("step", INGEST_STEPS),),
    "seconds",
    _STEP_BUCKETS,
)
FRESHNESS = Histogram(
    "rag_ingest_freshness_seconds",
    "Time from a content's acceptance, or from when it was last taken up again, until searches find it.",
    (),
    "seconds",
    _FRESH_BUCKETS,
)
JOBS_ENDED = Counter(
    "rag_jobs_ended_total",
    "Jobs that have ended, by kind; `document` takes in a content.",
    (Label("kind"), Label("outcome", JOB_OUTCOMES)),
)
JOB_SECONDS = Histogram(
    "rag_job_seconds",
    "Time of each; of a content from its acceptance to its last vector.",
    (Label("kind"),),
    "seconds",
    _STEP_BUCKETS,
)
LOG_RECORDS = Counter("rag_log_records_total", "Records that were logged, by level.", (Label("level", LEVELS),))
LOG_LOST = Counter("rag_log_records_lost_total", "Records that the log's file could not take, on a full disk say.")
TRACES_SENT = Counter("rag_traces_sent_total", "Traces that the collector took; none without RAG_OTEL_ENDPOINT.")
TRACES_LOST = Counter("rag_traces_lost_total", "Traces that it did not take.")

TABLE: tuple[Metric, ...] = (
    UPLOADS,
    DOCUMENTS_PROCESSED,
    BYTES_PROCESSED,
    INGEST_SECONDS,
    FRESHNESS,
    JOBS_ENDED,
    JOB_SECONDS,
    LOG_RECORDS,
    LOG_LOST,
    TRACES_SENT,
    TRACES_LOST,
)
