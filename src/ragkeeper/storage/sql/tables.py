"""The schema of the truth. Migrations in `storage/migrations` create it; a test holds the two together.

Ids are UUIDv7 hexadecimal text, except chunks: theirs are integers that are never reused, because they are also the
search index's point ids. Times are UTC. `JSON` columns hold only what is never searched by SQL.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from ragkeeper.storage.sql.types import UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = String(32)
_TIME = UtcTime()
# SQLite only counts up without reuse in an INTEGER primary key; PostgreSQL wants the width.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")


def _document_key(*, index: bool = False) -> Column[str]:
    return Column("document_id", _ID, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False, index=index)


collections = Table(
    "collections",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("description", Text, nullable=False, default=""),
    Column("created_at", _TIME, nullable=False),
)

collection_access = Table(
    "collection_access",
    metadata,
    Column("collection_id", _ID, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("principal", String(200), primary_key=True),
    Column("access", String(10), nullable=False),  # core.access.Right
)

documents = Table(
    "documents",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("collection_id", _ID, ForeignKey("collections.id"), nullable=False),
    Column("user_id", String(200), nullable=False),  # who added it
    Column("name", String(1000), nullable=False),  # file name or path: what makes a changed file a new version
    Column("title", Text, nullable=False),
    Column("metadata", JSON, nullable=False),  # what searches may filter by
    Column("current_version_id", _ID),  # null until its first version is searchable
    Column("newest_version_id", _ID, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
    UniqueConstraint("collection_id", "name"),
    Index("idx_documents_user_id", "user_id"),
)

versions = Table(
    "versions",
    metadata,
    Column("id", _ID, primary_key=True),
    _document_key(),  # its unique constraint with the number is its index
    Column("number", Integer, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("filename", String(1000), nullable=False),
    Column("title", Text),  # what its uploader called it; null: what the file calls itself, or its name
    Column("media_type", String(200)),
    Column("status", String(20), nullable=False),  # documents.models.VersionStatus
    Column("attempts", SmallInteger, nullable=False, default=0),  # readings begun; tells a late result from a new one
    Column("interruptions", SmallInteger, nullable=False, default=0),  # readings that a stop of the server cut off
    Column("priority", SmallInteger, nullable=False, default=0),  # documents.models.Priority
    Column("claimed_by", _ID),  # the worker that reads it; null: nobody
    Column("error_code", String(60)),
    Column("error_message", Text),
    Column("error_fix", Text),
    Column("warnings", JSON, nullable=False),  # [{code, message, page}]
    Column("properties", JSON, nullable=False),  # what the file says of itself: author, date …
    Column("pages", Integer),
    Column("characters", Integer),
    Column("created_at", _TIME, nullable=False),
    Column("queued_at", _TIME, nullable=False),  # when it was accepted, or taken up again by somebody after that
    Column("searchable_at", _TIME),
    Column("ready_at", _TIME),
    UniqueConstraint("document_id", "number"),
    Index("idx_versions_queue", "status", "priority", "id"),
)

deletions = Table(
    "deletions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("deleted_at", _TIME, nullable=False),
    Column("deleted_by", String(200), nullable=False, index=True),
    Column("originals_removed", Integer, nullable=False, default=0),
)

deleted_documents = Table(
    "deleted_documents",
    metadata,
    Column("document_id", _ID, primary_key=True),
    Column("deletion_id", _ID, ForeignKey("deletions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("collection", String(200), nullable=False),
    Column("name", String(1000), nullable=False),
    Column("versions", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("contents", JSON, nullable=False),  # hashes of the originals: proof of what it was, not its text
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("version_id", _ID, ForeignKey("versions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("began_at", _TIME, nullable=False),
    Column("ended_at", _TIME, nullable=False),
    Column("code", String(60)),  # null: it went well
    Column("message", Text),
    sqlite_autoincrement=True,
)

workers = Table(
    "workers",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("started_at", _TIME, nullable=False),
    Column("beat", BigInteger, nullable=False),  # counts up while it lives: no clock is compared with another's
)

sources = Table(
    "sources",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),  # ingestion.sources.models.SourceKind
    Column("location", Text, nullable=False),  # a folder, an address, a bucket
    Column("options", JSON, nullable=False),  # what its kind understands: depth, branch, patterns …
    Column("collection_id", _ID, ForeignKey("collections.id"), nullable=False, index=True),
    Column("schedule", String(100)),  # cron, UTC; null: only when asked
    Column("paused", Boolean, nullable=False, default=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("synced_at", _TIME),  # when a synchronisation last ended well
    Column("last_run", JSON),  # what the last one did: counts, or the reason why it did not
)

source_items = Table(
    "source_items",
    metadata,
    Column("source_id", _ID, ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(2000), primary_key=True),  # a path below the folder, an address
    Column("fingerprint", Text, nullable=False),  # what tells a change: size and time, an etag, a hash
    # No foreign key: that somebody deleted the document must not be forgotten, or the next run would bring it back.
    Column("document_id", _ID, index=True),
    Column("seen_at", _TIME, nullable=False),
    Column("error_code", String(60)),  # why the newest content could not be taken in; null: it was
    Column("error_message", Text),
)

version_texts = Table(
    "version_texts",
    metadata,
    Column("version_id", _ID, ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("text", Text, nullable=False),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("version_id", _ID, ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
    _document_key(index=True),
    Column("ordinal", Integer, nullable=False),
    Column("start", Integer, nullable=False),  # characters into the version's text
    Column("end", Integer, nullable=False),
    Column("page", Integer),
    Column("page_end", Integer),
    Column("tokens", Integer, nullable=False),
    Column("headings", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("gap", Text, nullable=False, default=""),  # white space between it and the next chunk
    Column("indexed_text", Text),  # what is embedded and counted as words, where it differs from text
    UniqueConstraint("version_id", "ordinal"),
    sqlite_autoincrement=True,
)

chunk_vectors = Table(
    "chunk_vectors",
    metadata,
    Column("chunk_id", _SERIAL, ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("model", String(200), primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # little-endian float16, unit length
)

index_outbox = Table(
    "index_outbox",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("operation", String(20), nullable=False),  # retrieval.models.IndexOperation
    Column("document_id", _ID, nullable=False),  # no foreign key: a removal outlives its document
    Column("version_id", _ID),
    Column("first_chunk_id", BigInteger),
    Column("last_chunk_id", BigInteger),
    Column("created_at", _TIME, nullable=False),
    sqlite_autoincrement=True,
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("user_id", String(200), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("collection", String(200)),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
)

chat_history = Table(
    "chat_history",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("conversation_id", _ID, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("user_id", String(200), nullable=False),
    Column("role", String(20), nullable=False),  # user or assistant
    Column("content", Text, nullable=False),
    Column("mode", String(20)),  # answers.models.AnswerMode, for the assistant's messages
    Column("citations", JSON, nullable=False),
    Column("details", JSON, nullable=False),  # settings and timings the answer was made with
    Column("created_at", _TIME, nullable=False),
    Index("idx_chat_history_user_id", "user_id"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),  # never reused: a gap would tell of a removal
    Column("at", _TIME, nullable=False),
    Column("actor", String(200), nullable=False),  # who did it
    Column("action", String(60), nullable=False),  # what, as `breaker_closed`
    Column("subject", String(1000), nullable=False),  # to what
    Column("details", JSON, nullable=False),
    sqlite_autoincrement=True,
)

history = Table(
    "history",
    metadata,
    Column("resolution", Integer, primary_key=True),  # seconds: a minute, an hour or a day
    Column("at", _TIME, primary_key=True),  # when it began
    Column("figures", JSON, nullable=False),  # operations.history.models.Figures
)

error_counts = Table(
    "error_counts",
    metadata,
    Column("hour", _TIME, primary_key=True),  # its beginning
    Column("code", String(80), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first_at", _TIME, nullable=False),
    Column("last_at", _TIME, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", _TIME, nullable=False),
)
