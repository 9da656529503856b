"""Options that mean the same in every command."""

import json
from typing import Annotated

import typer

Scalar = str | int | float | bool

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, as the HTTP API gives it.")]
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Only this collection.")]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", "-m", metavar="KEY=VALUE", help="May be given several times.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen and change nothing.")]


def metadata(pairs: list[str] | None) -> dict[str, Scalar]:
    """`KEY=VALUE` pairs as values. Raises BadParameter for a pair without a key or an equals sign."""
    split = [pair.partition("=") for pair in pairs or []]
    for key, equals, value in split:
        if not key or not equals:
            raise typer.BadParameter(f"{key}{equals}{value} is not of the form KEY=VALUE", param_hint="--metadata")
    return {key: metadata_value(value) for key, _, value in split}


def metadata_value(text: str) -> Scalar:
    """A number, true or false where the text is exactly how JSON writes it (1.10 and 007 stay texts)."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    return value if isinstance(value, int | float) and json.dumps(value) == text else text


def _refuse(constant: str) -> None:
    """NaN and infinities are no JSON."""
    raise ValueError(constant)
