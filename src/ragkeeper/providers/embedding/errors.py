from ragkeeper.core.errors import BadInput, Unavailable


class EmbedderUnavailable(Unavailable):
    """The embedding model {name} is not available: {reason}."""

    code = "embedder_unavailable"
    fix = "Search by words goes on without it. Check the model's files or its address and key, then try again."


class WrongDimension(Unavailable):
    """The embedding model {name} returns vectors of {found} numbers where {expected} were expected."""

    code = "embedding_wrong_dimension"
    fix = "The configured model is not the one the vectors were made with: set the right one, or build the index again."


class TextRefused(BadInput):
    """The embedding model {name} refused a text: {reason}."""

    code = "embedding_text_refused"
    status = 422
    fix = "The text is found by its words. Look at what is special about it, or use another embedding model."


class TextTooLong(TextRefused):
    """A text of {tokens} tokens is longer than the {limit} that the embedding model {name} reads."""

    code = "embedding_text_too_long"
    status = 413
    fix = "Cut the text into parts of at most {limit} tokens; nothing is cut silently."
