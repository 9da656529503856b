"""How looking back fails."""

from ragkeeper.core.errors import RagkeeperError


class HistoryUnknown(RagkeeperError):
    """No figure called {name} is remembered."""

    code = "history_unknown"
    status = 404
    fix = "`ragkeeper history list` names what is."


class SpanInvalid(RagkeeperError):
    """The span from {since} to {until} holds nothing."""

    code = "history_span_invalid"
    status = 400
    fix = "Give a beginning that lies before the end."
