"""The root of every error that ragkeeper raises on purpose.

A subclass states its failure once: its docstring is the message (with `{fields}`), `code` is stable and documented,
`status` is the HTTP answer, `fix` says what to do. Faces (HTTP, CLI, job loop) render it; nobody else catches it.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import ClassVar, Final

_TWO_ENDS: Final = ("..", "?.", "!.", "….")


class RagkeeperError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    fix: ClassVar[str] = "Look at the server's log for the request id, and report it if it happens again."

    members: ClassVar[tuple[str, ...]] = ()
    """Fields that problem details carry as members of their own, beside the message."""

    retry_after: float | None = None
    """Seconds after which trying again makes sense; None where nobody knows. HTTP says it as `Retry-After`."""

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(_filled(_message(type(self).__doc__ or ""), fields))

    @property
    def message(self) -> str:
        return str(self)

    @property
    def advice(self) -> str:
        return _filled(self.fix, self.fields)


@functools.cache
def _message(docstring: str) -> str:
    """Known from the first one on: under overload there are hundreds a second."""
    return inspect.cleandoc(docstring).split("\n\n", 1)[0].replace("\n", " ")


def _filled(template: str, fields: Mapping[str, object]) -> str:
    """Ends once: the last field may be a sentence with an end of its own, as other errors' messages are."""
    text = template.format_map(fields)
    return text[:-1] if template.endswith("}.") and text.endswith(_TWO_ENDS) else text


class BadInput(RagkeeperError):
    """The request is not usable."""

    code = "bad_input"
    status = 400
    fix = "Correct the request and send it again."


class NotFound(RagkeeperError):
    """There is no {kind} {id} that you may see."""

    code = "not_found"
    status = 404
    fix = "Check the id; list what exists with the matching list command."


class Unavailable(RagkeeperError):
    """{part} is not available: {reason}."""

    code = "unavailable"
    status = 503
    fix = "Try again shortly; `ragkeeper status` shows what is down."
