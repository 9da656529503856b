"""What a command's exit status says; scripts rely on it."""

from enum import IntEnum

# The request itself was wrong: an unknown id, a value out of range, a state that forbids it.
_REQUEST_WRONG = frozenset({400, 404, 409, 413, 422})


class ExitCode(IntEnum):
    FINE = 0
    PROBLEM_FOUND = 1  # the command ran and found something wrong: a failed file, a refusal, bad health
    MISUSE = 2  # wrong arguments or settings
    COULD_NOT_RUN = 3
    INTERRUPTED = 130  # Ctrl-C, as shells count it


def exit_code(status: int, code: str) -> ExitCode:
    """The exit status for a problem with this HTTP status and error code."""
    if status in _REQUEST_WRONG or code.startswith("setting_"):
        return ExitCode.MISUSE
    return ExitCode.COULD_NOT_RUN
