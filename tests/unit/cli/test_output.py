import io
import json
from contextlib import redirect_stdout

import pytest

from ragkeeper.cli import output


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_text_of_documents_cannot_steer_a_terminal(capsys):
    output.print_text("a\x1b[31mred")
    output.note("b\x9b2J")
    assert capsys.readouterr() == ("a[31mred\n", "b2J\n")


def test_json_is_readable_and_exact(capsys):
    output.print_json({"größe": "„x“", "n": None})
    shown = capsys.readouterr().out
    assert "größe" in shown
    assert json.loads(shown) == {"größe": "„x“", "n": None}


def test_tables_without_a_terminal_are_aligned_and_never_cut(capsys):
    long = "x" * 500
    output.print_table(("id", "name"), [("1", long), ("22", None), ("3", "two\n lines")])
    assert capsys.readouterr().out.splitlines() == ["id  name", f"1   {long}", "22", "3   two lines"]


def test_tables_on_a_terminal_wrap_what_is_too_wide():
    with redirect_stdout(Terminal()) as terminal:
        output.print_table(("id", "name"), [("1", "word " * 400), ("[b]", "x\x1b[0m")])
    shown = terminal.getvalue()
    assert shown.count("word") == 400
    assert "[b]" in shown
    assert len(shown.splitlines()) > 4


def test_nested_fields_become_dotted_names(capsys):
    output.print_fields({"a": {"b": {"c": 1}, "d": []}, "yes": True, "list": [1, 2]})
    assert capsys.readouterr().out.splitlines() == ["a.b.c  1", "a.d    -", "yes    yes", "list   1, 2"]


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (10**13, "10000.0 GB")]
)
def test_sizes_are_readable(count, shown):
    assert output.size(count) == shown


def test_notes_leave_the_result_alone(capsys):
    output.note("by the way")
    assert capsys.readouterr() == ("", "by the way\n")
