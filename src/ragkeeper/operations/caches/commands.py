"""`ragkeeper cache`: what is given again to equal questions, and how to have it made anew."""

from typing import Annotated, Any

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import note, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.operations.caches.schemas import Clearable

_PATH = "/admin/cache"
_Kind = Annotated[Clearable, typer.Option("--kind", help="What to forget; responses: answers in every form.")]


def cache_commands(connect: Connect) -> typer.Typer:
    app = command_group(name="cache", help="Results and answers that are given again to equal questions.")

    @app.command(epilog=example("ragkeeper cache stats", "ragkeeper cache stats --json"))
    def stats(json: Json = False) -> None:
        """Show what the caches hold and how often they were of use."""
        with connect() as client:
            found = client.get(_PATH)
        print_json(found) if json else _show(found)

    @app.command(epilog=example("ragkeeper cache clear --kind answer"))
    def clear(kind: _Kind = "all", json: Json = False) -> None:
        """Forget cached results or answers; the next equal question is answered anew. Sessions and limits stay."""
        with connect() as client:
            cleared = client.delete(f"{_PATH}?kind={kind}")
        print_json(cleared) if json else print_text(f"{cleared['entries']} entries forgotten.")

    return app


def _show(found: dict[str, Any]) -> None:
    if not found["enabled"]:
        note("The cache is off: RAG_USE_CACHE=true switches it on.")
    note(f"kept in {found['store']}, inside the server at most {found['limit_bytes'] // 1_000_000} MB")
    rows = [
        (
            kind["kind"],
            f"{kind['hits']:,}",
            f"{kind['misses']:,}",
            "" if kind["hit_rate"] is None else f"{kind['hit_rate']:.0%}",
            f"{kind['entries']:,}",
            f"{kind['bytes'] / 1_000_000:.1f}",
            f"{kind['longest_seconds']:.0f}",
        )
        for kind in found["kinds"]
    ]
    print_table(("kind", "hits", "misses", "hit rate", "entries", "MB", "expires within s"), rows)
