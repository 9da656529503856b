"""How a command tree is made and run: every failure ends in one line, one fix, one exit status."""

import io
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import typer

from ragkeeper.cli.errors import CommandFailed, Failure, UnexpectedFailure, problem_of
from ragkeeper.cli.exit_codes import ExitCode, exit_code
from ragkeeper.cli.output import note, print_json
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.lines import one_line


def command_group(**options: Any) -> typer.Typer:
    """A group of commands that shows its help when it is called without one."""
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
        **options,
    )


def example(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status; what failed stands on standard error."""
    return guarded(
        lambda: app(args=list(arguments), prog_name="ragkeeper"),
        as_json="--json" in arguments,
        debug="--debug" in arguments,
    )


def guarded(work: Callable[[], object], *, as_json: bool = False, debug: bool = False) -> int:
    """Do the work and return an exit status; never raises."""
    _never_fail_to_print()
    try:
        work()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else ExitCode.FINE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except (RagkeeperError, CommandFailed) as error:
        return report(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001 - the edge of the program: a user gets a sentence, not a stack
        if debug:
            traceback.print_exc()
        return report(UnexpectedFailure(reason=f"{type(error).__name__}: {error}"), as_json=as_json)
    return ExitCode.FINE


def report(error: Failure, *, as_json: bool = False) -> int:
    """Say what failed and what to do; returns the exit status."""
    if as_json:
        print_json(problem_of(error))
    note(f"error: {one_line(error.message)} [{error.code}]")
    if error.advice:
        note(f"  fix: {one_line(error.advice)}")
    return exit_code(error.status, error.code)


def _never_fail_to_print() -> None:
    """A character that the terminal's encoding lacks is replaced, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
