"""`ragkeeper search`: passages by words and meaning."""

from typing import Annotated, Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.options import Collection, Json, Metadata, metadata
from ragkeeper.cli.output import note, one_line, print_json, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.retrieval.models import SearchMode

_SHOWN = 300


def add_search_commands(app: typer.Typer, connect: Connect) -> None:
    @app.command(epilog=example('ragkeeper search "notice period" --mode lexical --top-k 3'))
    def search(
        query: Annotated[str, typer.Argument(help="A question or words.")],
        mode: Annotated[SearchMode, typer.Option("--mode", help="Words and meaning, or one of them.")] = (
            SearchMode.HYBRID
        ),
        top_k: Annotated[int | None, typer.Option("--top-k", "-k", min=1, max=200, help="How many at most.")] = None,
        collection: Collection = None,
        filters: Metadata = None,
        json: Json = False,
    ) -> None:
        """Find passages in your documents."""
        body = {
            "query": query,
            "mode": mode.value,
            "top_k": top_k,
            "collection": collection,
            "metadata": metadata(filters),
        }
        with connect() as client:
            found = client.post("/api/v1/search", body)
        print_json(found) if json else _show(found)


def _show(found: dict[str, Any]) -> None:
    for text in found["notes"]:
        note(text)
    if not found["results"]:
        note("Nothing was found.")
    for rank, hit in enumerate(found["results"], start=1):
        page = f", page {hit['page']}" if hit["page"] else ""
        print_text(f"{rank}. {one_line(hit['title'])}{page}  [{hit['score']:.3f}]  {hit['name']}")
        print_text(f"   {one_line(hit['text'], _SHOWN)}")
