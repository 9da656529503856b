"""A command is there by its own name alone, and then loads nothing that only others need."""

import subprocess
import sys
from typing import Any

import pytest
import typer

from ragkeeper.entrypoints.cli import command_tree
from ragkeeper.entrypoints.local import Place

# What the server needs, and nobody who only talks to it.
_HEAVY = ("sqlalchemy", "fastapi", "numpy", "onnxruntime", "qdrant_edge", "dbos")
_LOADED = """
import sys
from ragkeeper.entrypoints.cli import command_tree
from ragkeeper.entrypoints.local import Place
command_tree(Place(), sys.argv[1])
print(*{name.partition(".")[0] for name in sys.modules})
"""


def named(name: str = "") -> dict[str, Any]:
    """What each command of the tree is and takes, by its name."""
    return shape(typer.main.get_command(command_tree(Place(), name)))["below"]


def shape(command: Any) -> dict[str, Any]:
    below = {name: shape(one) for name, one in getattr(command, "commands", {}).items()}
    return {"help": command.help, "options": [one.opts for one in command.params], "below": below}


EVERY = named()


@pytest.mark.parametrize("name", EVERY)
def test_each_name_gives_its_command_as_the_whole_tree_has_it(name: str):
    few = named(name)
    assert few[name] == EVERY[name]
    assert len(few) <= 2


@pytest.mark.parametrize("word", ["", "--help", "--data-dir", "nonsense"])
def test_any_other_word_gives_every_command(word: str):
    assert list(named(word)) == list(EVERY)


def test_a_command_loads_nothing_of_the_server():
    done = subprocess.run([sys.executable, "-c", _LOADED, "jobs"], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "typer" in loaded
    assert [name for name in _HEAVY if name in loaded] == []
