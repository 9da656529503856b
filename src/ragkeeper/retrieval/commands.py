"""`ragkeeper search`: passages by words and meaning."""

import re
from typing import Annotated, Any

import typer

from ragkeeper.cli.app import example
from ragkeeper.cli.options import Collection, Json, Metadata, metadata
from ragkeeper.cli.output import note, print_json, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.core.lines import one_line
from ragkeeper.retrieval.models import SearchMode

_SHOWN = 300
# Characters shown before the first word that was asked for.
_LEAD = 60
_WORD = re.compile(r"\w{3,}")


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
        print_json(found) if json else _show(found, query)


def _show(found: dict[str, Any], query: str) -> None:
    for text in found["notes"]:
        note(text)
    if found["cached"]:
        note(f"given again: found for an equal search {found['cached_seconds']:.0f} s ago")
    if not found["results"]:
        note("Nothing was found.")
    for rank, hit in enumerate(found["results"], start=1):
        print_text(f"{rank}. {one_line(hit['title'])}{_pages(hit)}  [{hit['score']:.3f}]  {one_line(hit['name'])}")
        print_text(f"   {excerpt(one_line(hit['text']), query, _SHOWN)}")


def _pages(hit: dict[str, Any]) -> str:
    if not hit["page"]:
        return ""
    return (
        f", page {hit['page']}"
        if hit["page_end"] in (None, hit["page"])
        else f", pages {hit['page']}-{hit['page_end']}"
    )


def excerpt(text: str, query: str, limit: int) -> str:
    """The `limit` characters of the text that hold the most words of the query, cut between words."""
    if len(text) <= limit:
        return text
    wanted = {word.lower() for word in _WORD.findall(query)}
    places = [match.start() for match in _WORD.finditer(text) if match[0].lower() in wanted]
    best = max(places, key=lambda start: sum(start <= place < start + limit - _LEAD for place in places), default=0)
    begin = text.rfind(" ", 0, max(best - _LEAD, 0)) + 1
    end = len(text) if begin + limit >= len(text) else text.rfind(" ", begin + 1, begin + limit)
    return (
        f"{'… ' if begin else ''}{text[begin : end if end > begin else begin + limit]}{' …' if end < len(text) else ''}"
    )
