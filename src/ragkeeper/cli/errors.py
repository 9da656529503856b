"""How commands fail, and the one way in which every failure is shown."""

from typing import Any

from ragkeeper.core.errors import RagkeeperError


class CommandFailed(Exception):
    """The server's answer to a command was a problem. `problem` is its body, as sent."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        super().__init__(self.message)

    @property
    def code(self) -> str:
        return str(self.problem.get("code") or "http_error")

    @property
    def status(self) -> int:
        return int(self.problem.get("status") or 500)

    @property
    def message(self) -> str:
        return str(self.problem.get("detail") or self.problem.get("title") or "The server answered with an error.")

    @property
    def advice(self) -> str:
        return str(self.problem.get("fix") or "")


class ServerUnreachable(RagkeeperError):
    """The server at {url} does not answer: {reason}."""

    code = "server_unreachable"
    status = 503
    fix = "Start it with `ragkeeper serve`, or look at its log when it runs; then run the command again."


class ServerNotRunning(RagkeeperError):
    """No server runs on the data folder {path}."""

    code = "server_not_running"
    status = 503
    fix = "Start it with `ragkeeper serve`, or name its data folder with --data-dir or RAG_DATA_DIR."


class ServerNotServing(RagkeeperError):
    """A server is starting on the data folder {path}, or another command works on it: it has not said where it serves.

    The one that listens already says so by the same code.
    """

    code = "server_starting"
    status = 503
    fix = "Run the command again in a minute; if it stays so, the end of the server's log says what it waits for."


class ServerSilent(RagkeeperError):
    """The server at {url} takes connections and does not answer within {seconds:g} s."""

    code = "server_silent"
    status = 503
    fix = (
        "Look at the end of its log: `event_loop_blocked` says what it stands in. If it stays so, end its process and "
        "start it again with `ragkeeper serve`; nothing is lost."
    )


class KeyUnavailable(RagkeeperError):
    """The key of the running server cannot be read from {path}: {reason}."""

    code = "api_key_unavailable"
    status = 503
    fix = "Run the command as the server's user, or set API_KEY to the server's key."


class ConfirmationNeeded(RagkeeperError):
    """Nobody can be asked here: {question}."""

    code = "confirmation_needed"
    status = 400
    fix = "Add --yes, or look first with --dry-run."


class StreamIncomplete(RagkeeperError):
    """The answer broke off before its end."""

    code = "stream_incomplete"
    status = 502
    fix = "Ask again; the server's log says why it stopped."


class FileChanged(RagkeeperError):
    """The file changed while it was being sent."""

    code = "file_changed"
    status = 409
    fix = "Send it again when nothing writes to it."


class UnexpectedFailure(RagkeeperError):
    """Something went wrong that should not: {reason}."""

    code = "internal_error"
    status = 500
    fix = "Run it again as `ragkeeper --debug …` and report what that prints."


Failure = RagkeeperError | CommandFailed


def problem_of(error: Failure) -> dict[str, Any]:
    """The failure as the HTTP API's problem object."""
    if isinstance(error, CommandFailed):
        return error.problem
    return {
        "type": f"https://ragkeeper.dev/errors/{error.code}",
        "title": error.message,
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "fix": error.advice,
    }
