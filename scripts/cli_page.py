"""The page of the command line, from the command tree itself."""

from collections.abc import Iterator
from typing import Any

import typer

from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.entrypoints.cli import command_tree
from ragkeeper.entrypoints.local import Place
from scripts.tables import table

# Typer's own, on every program.
_FOREIGN = {"install_completion", "show_completion", "help"}


def cli_page() -> str:
    root = typer.main.get_command(command_tree(Place()))
    commands = list(_commands("ragkeeper", root))
    return (
        "# Command line\n\n"
        "Every command talks to the running server of its data folder, and opens the folder itself when none runs. "
        "Every command has `--help`; with `--json` it prints the object that the HTTP API answers.\n\n"
        + table(("command", "what it does"), ((f"`{name}`", _first(command.help)) for name, command in commands))
        + "\n## Exit codes\n\n"
        + table(("code", "meaning"), ((str(code.value), code.name.lower().replace("_", " ")) for code in ExitCode))
        + "".join(_section(name, command) for name, command in commands)
    )


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Name and command of every leaf of the tree, and of groups that do something themselves, in the tree's order."""
    below = getattr(command, "commands", {})
    if below and getattr(command, "invoke_without_command", False):
        yield name, command
    for part in below.values():
        yield from _commands(f"{name} {part.name}", part)
    if not below:
        yield name, command


def _section(name: str, command: Any) -> str:
    rows = [_parameter(one) for one in command.params if one.name not in _FOREIGN]
    help_text = "\n".join(line.strip() for line in (command.help or "").split("\f")[0].strip().splitlines())
    listed = "\n" + table(("parameter", "default", "meaning"), rows) if rows else ""
    return f"\n## {name}\n\n{help_text}\n{listed}{_example(command.epilog or '')}"


def _example(epilog: str) -> str:
    lines = [line.strip() for line in epilog.replace("\b", "").strip().splitlines()]
    return "\n```\n" + "\n".join(lines[1:]) + "\n```\n" if len(lines) > 1 else ""


def _parameter(parameter: Any) -> tuple[str, str, str]:
    is_argument = parameter.param_type_name == "argument"
    shown = parameter.name.upper() if is_argument else ", ".join([*parameter.opts, *parameter.secondary_opts])
    default = "required" if parameter.required else _default(parameter.default)
    return f"`{shown}`", default, getattr(parameter, "help", None) or ""


def _default(value: object) -> str:
    """Flags that are off, and absent values, have nothing to say."""
    return f"`{value}`" if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "" else ""


def _first(text: str | None) -> str:
    return (text or "").strip().split("\n\n", 1)[0]
