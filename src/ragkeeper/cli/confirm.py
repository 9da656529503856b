"""Asking before something is destroyed."""

import sys

import typer

from ragkeeper.cli.errors import ConfirmationNeeded


def confirm(question: str, *, yes: bool) -> None:
    """Return when the user agrees. Raises Abort for a no, ConfirmationNeeded where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfirmationNeeded(question=question)
    typer.confirm(f"{question}. Go on?", abort=True, err=True)
