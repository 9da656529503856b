"""A report of one page, written where somebody asked for it."""

from pathlib import Path

from ragkeeper.cli.output import note
from ragkeeper.operations.capacity.errors import ReportNotWritten


def write_report(path: Path, text: str) -> None:
    """Raises ReportNotWritten."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportNotWritten(path=path, reason=error.strerror or error) from error
    note(f"Written to {path}")
