import io
import sys

import pytest
import typer

from ragkeeper.cli.confirm import confirm
from ragkeeper.cli.errors import ConfirmationNeeded


class Keyboard(io.StringIO):
    def isatty(self):
        return True


def test_yes_asks_nothing():
    assert confirm("This deletes it", yes=True) is None


def test_without_a_terminal_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(ConfirmationNeeded, match="This deletes it") as refused:
        confirm("This deletes it", yes=False)
    assert refused.value.status == 400


def test_on_a_terminal_the_answer_counts(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Keyboard("y\n"))
    assert confirm("This deletes it", yes=False) is None
    monkeypatch.setattr(sys, "stdin", Keyboard("n\n"))
    with pytest.raises(typer.Abort):
        confirm("This deletes it", yes=False)
    assert "This deletes it. Go on?" in capsys.readouterr().err
