"""What can be wrong with a search index."""

from ragkeeper.core.errors import RagkeeperError, Unavailable


class IndexMismatch(RagkeeperError):
    """The search index in {path} was made with {setting} {stored}, but {wanted} is asked for."""

    code = "index_mismatch"
    status = 503
    fix = "Set {setting} back to {stored}; or stop the server, move the folder `index` aside and start: it is rebuilt."


class IndexUnreadable(RagkeeperError):
    """The search index in {path} cannot be read: {reason}."""

    code = "index_unreadable"
    status = 503
    fix = "Nothing is lost: stop the server, move the folder `index` aside and start: it is rebuilt."


class IndexInUse(RagkeeperError):
    """The search index in {path} is open in another process."""

    code = "index_in_use"
    status = 503
    fix = "Stop the other ragkeeper process on this data folder, or talk to it instead."


class IndexClosed(Unavailable):
    """The search index in {path} was closed."""

    code = "index_closed"
    fix = "Try again: another index has taken its place, or the server is stopping."


class IndexFailed(Unavailable):
    """The search index failed: {reason}."""

    code = "index_failed"
    fix = "Look for a full disk first; then stop the server, move the folder `index` aside and start: it is rebuilt."


class OptimizeFailed(IndexFailed):
    """The search index could not be optimized: {reason}."""

    code = "index_optimize_failed"
    fix = (
        "Searches still answer, only more slowly. Look for a lack of memory or disk space (twice the index is needed)."
    )


INDEX_AWAY = (IndexUnreadable, IndexInUse, IndexClosed, IndexFailed)
"""What a search raises when it is the index that is at fault, and not what was asked."""


class VectorUnusable(RagkeeperError):
    """A vector of {dimension} finite numbers is needed, this one is not: {reason}."""

    code = "vector_unusable"
    fix = "The embedding model and the index do not belong together; check the model's dimension."
