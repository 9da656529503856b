"""What can be wrong with a source."""

from ragkeeper.core.errors import RagkeeperError


class SourceError(RagkeeperError):
    """The source cannot be used: {reason}."""

    code = "source_unusable"
    status = 422
    fix = "Look at the reason, correct the source, and run `ragkeeper sources sync` again."


class SourceUnreachable(SourceError):
    """{location} cannot be reached: {reason}."""

    code = "source_unreachable"
    status = 503
    fix = "See that it is there and that this machine may read it. Nothing was removed; the next run tries again."


class AddressRefused(SourceError):
    """{address} is not fetched: {reason}."""

    code = "address_refused"
    status = 422
    fix = "Only public http and https addresses are fetched; a private host must be named in RAG_FETCH_PRIVATE_HOSTS."
