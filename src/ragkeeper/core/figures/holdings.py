"""What the server holds and how it is: documents, queue, index, database, caches, its parts."""

from ragkeeper.core.instruments import Counter, Gauge, Histogram, Label, Metric

JOB_STATES = ("waiting", "parsing", "postponed", "embedding", "failed")
DATABASE_PARTS = ("main", "log", "unused")
CACHE_PLACES = ("search", "answer", "semantic")
STATEMENT_KINDS = ("read", "write")

# The guides' limit is 0.1.
_SQL_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)

_COLLECTION = (Label("collection"),)
_COMPONENT = (Label("component"),)
_CAPABILITY = (Label("capability", ("retrieve", "generate", "ingest", "admin")),)
_CACHE = (Label("kind", CACHE_PLACES),)
_DATABASE = (Label("datname"),)

BUILD = Gauge(
    "rag_build_info", "Always 1; the version that runs.", (Label("version"), Label("python"), Label("sqlite"))
)
STARTED = Gauge(
    "rag_start_time_seconds", "When the server started, seconds since 1970.", unit="seconds", looked_up=True
)
FIRST_START = Gauge(
    "rag_first_start_timestamp_seconds",
    "When a server first started on this database, seconds since 1970.",
    unit="seconds",
    looked_up=True,
)
READY = Gauge("rag_ready", "1 while `/health/ready` answers 200.")
COMPONENT_OK = Gauge(
    "rag_component_ok", "1 while the part is healthy; parts that are not set up have none.", _COMPONENT
)
COMPONENT_UP = Gauge("rag_component_up", "0 while the part cannot be used; 1 also while it is degraded.", _COMPONENT)
CAPABILITY_OK = Gauge("rag_capability_ok", "1 while this can be done as it should.", _CAPABILITY)
CAPABILITY_UP = Gauge("rag_capability_up", "0 while this cannot be done; 1 also while it is degraded.", _CAPABILITY)
PROVIDER_UP = Gauge(
    "rag_provider_up",
    "0 while a model cannot be used: its newest call or look failed, or its breaker is open.",
    (Label("provider"), Label("model")),
)
LOOP_OK = Gauge("rag_loop_ok", "0 while the last run of this background loop failed.", (Label("loop"),))
ALERT_CHANNEL_OK = Gauge(
    "rag_alert_channel_ok",
    "0 while the last message by this channel did not arrive; NaN where it is not set up.",
    (Label("channel", ("mail", "webhook")),),
    looked_up=True,
)

DOCUMENTS = Gauge(
    "rag_documents", "Documents stored; the largest 50 collections by name, the rest as `other`.", _COLLECTION
)
DOCUMENTS_SEARCHABLE = Gauge("rag_documents_searchable", "Documents that searches find.", _COLLECTION)
CHUNKS = Gauge("rag_chunks", "Passages of the documents that searches find.", _COLLECTION)
NEWEST_DOCUMENT = Gauge(
    "rag_newest_document_timestamp_seconds",
    "When a content was last taken in, seconds since 1970; NaN without any.",
    unit="seconds",
    looked_up=True,
)

QUEUE_JOBS = Gauge(
    "rag_queue_jobs", "Contents by how far they are; `failed` ones wait for somebody.", (Label("state", JOB_STATES),)
)
QUEUE_OLDEST = Gauge(
    "rag_queue_oldest_seconds", "How long the oldest content has waited for a parser.", unit="seconds", looked_up=True
)
QUEUE_STILL = Gauge(
    "rag_queue_still_seconds",
    "How long contents have waited for a parser without any being read; 0 while none waits.",
    unit="seconds",
    looked_up=True,
)
QUEUE_DEAD = Gauge("rag_queue_dead_letters", "Documents whose newest content failed for good.", looked_up=True)
QUEUE_PAUSED = Gauge(
    "rag_queue_paused", "1 while reading is paused by somebody, or held by a full disk.", looked_up=True
)

INDEX_LAG = Gauge(
    "rag_index_lag_seconds", "How long the oldest change has waited for the search index.", unit="seconds"
)
INDEX_WAITING = Gauge("rag_index_waiting_changes", "Changes that wait for the search index.", looked_up=True)
INDEX_POINTS = Gauge("rag_index_points", "Passages in the search index; NaN while it is away.", looked_up=True)
INDEX_VECTORS = Gauge("rag_index_vectors", "Those of them that have a vector.", looked_up=True)
INDEX_BYTES = Gauge("rag_index_size_bytes", "What the folder of the search index takes.", unit="bytes", looked_up=True)
INDEX_ORPHANS = Gauge(
    "rag_index_orphans",
    "Chunks in the search index that the database lacks, at the last check; NaN before the first.",
    looked_up=True,
)
INDEX_MISSING = Gauge(
    "rag_index_missing",
    "Chunks and vectors that the search index lacks, at the last check; NaN before the first.",
    looked_up=True,
)
INDEX_CHECKED = Gauge(
    "rag_index_checked_timestamp_seconds",
    "When the index was last compared with the database, seconds since 1970; NaN before the first.",
    unit="seconds",
    looked_up=True,
)
SQL_SECONDS = Histogram(
    "rag_sql_statement_seconds",
    "Time of each SQL statement; a write includes its wait for the disk.",
    (Label("kind", STATEMENT_KINDS),),
    "seconds",
    _SQL_BUCKETS,
)
SQL_SLOW = Counter(
    "rag_sql_slow_statements_total",
    "Statements that took longer than 0.1 s, by a name made of their text without values; the log has the text.",
    (Label("statement"),),
)
DATABASE_BYTES = Gauge(
    "rag_database_size_bytes",
    "The database's file, its log, and what of the file is not used.",
    (Label("part", DATABASE_PARTS),),
    "bytes",
)
CONNECTIONS = Gauge(
    "pg_stat_database_numbackends",
    "Connections to the database in use; PostgreSQL's exporter has this name, here it holds for any database.",
    _DATABASE,
)
CONNECTIONS_MOST = Gauge(
    "pg_settings_max_connections", "How many connections there can be; its name as above.", looked_up=True
)

CACHE_ENTRIES = Gauge("rag_cache_entries", "What a cache holds.", _CACHE)
CACHE_BYTES = Gauge("rag_cache_size_bytes", "What that takes.", _CACHE, "bytes")
CACHE_LIMIT = Gauge(
    "rag_cache_limit_bytes", "The most that the caches in the server may take.", unit="bytes", looked_up=True
)
REDIS_UP = Gauge("redis_up", "1 while Redis answers, 0 while it does not; NaN where none is set up.", looked_up=True)
REDIS_MEMORY = Gauge("redis_memory_used_bytes", "What Redis takes, whoever uses it.", unit="bytes", looked_up=True)
REDIS_MEMORY_MOST = Gauge(
    "redis_memory_max_bytes", "The most that it may take; 0 without a limit.", unit="bytes", looked_up=True
)
REDIS_CLIENTS = Gauge("redis_connected_clients", "Connections to Redis, whoever's.", looked_up=True)
REDIS_HITS = Counter("redis_keyspace_hits_total", "Keys that Redis was asked for and had, whoever asked.")
REDIS_MISSES = Counter("redis_keyspace_misses_total", "Keys that it was asked for and had not.")
REDIS_EVICTED = Counter("redis_evicted_keys_total", "Keys that had to make room in a full Redis.")
JOBS_DATABASE_UP = Gauge(
    "pg_up",
    "1 while jobs can be recorded in PostgreSQL, 0 while they cannot; NaN where none is set up.",
    looked_up=True,
)
JOBS_DATABASE_BYTES = Gauge("pg_database_size_bytes", "What that database takes.", _DATABASE, "bytes")
JOBS_DATABASE_CONNECTIONS = Gauge("pg_stat_activity_count", "Connections to it, whoever's.", _DATABASE)

LOOK_FAILURES = Counter(
    "rag_metrics_failures_total",
    "Times that figures could not be looked up, or not within two seconds, by which.",
    (Label("collector"),),
)
LOOK_AGE = Gauge(
    "rag_metrics_age_seconds",
    "Time since figures were last looked up, by which; those that cannot be keep their last values.",
    (Label("collector"),),
    "seconds",
)

TABLE: tuple[Metric, ...] = (
    BUILD,
    STARTED,
    FIRST_START,
    READY,
    COMPONENT_OK,
    COMPONENT_UP,
    CAPABILITY_OK,
    CAPABILITY_UP,
    PROVIDER_UP,
    LOOP_OK,
    ALERT_CHANNEL_OK,
    DOCUMENTS,
    DOCUMENTS_SEARCHABLE,
    CHUNKS,
    NEWEST_DOCUMENT,
    QUEUE_JOBS,
    QUEUE_OLDEST,
    QUEUE_STILL,
    QUEUE_DEAD,
    QUEUE_PAUSED,
    INDEX_LAG,
    INDEX_WAITING,
    INDEX_POINTS,
    INDEX_VECTORS,
    INDEX_BYTES,
    INDEX_ORPHANS,
    INDEX_MISSING,
    INDEX_CHECKED,
    SQL_SECONDS,
    SQL_SLOW,
    DATABASE_BYTES,
    CONNECTIONS,
    CONNECTIONS_MOST,
    CACHE_ENTRIES,
    CACHE_BYTES,
    CACHE_LIMIT,
    REDIS_UP,
    REDIS_MEMORY,
    REDIS_MEMORY_MOST,
    REDIS_CLIENTS,
    REDIS_HITS,
    REDIS_MISSES,
    REDIS_EVICTED,
    JOBS_DATABASE_UP,
    JOBS_DATABASE_BYTES,
    JOBS_DATABASE_CONNECTIONS,
    LOOK_FAILURES,
    LOOK_AGE,
)
