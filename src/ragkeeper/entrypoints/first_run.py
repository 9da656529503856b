"""`make run`: serve, add the sample documents, answer one question, and go on serving."""

import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ragkeeper.cli.app import guarded
from ragkeeper.cli.client import Client
from ragkeeper.cli.errors import ServerNotRunning
from ragkeeper.cli.output import note, print_text
from ragkeeper.cli.progress import progress_bar
from ragkeeper.conversations.commands import show_answer
from ragkeeper.entrypoints.local import Place, served_at
from ragkeeper.entrypoints.logs import logging_by
from ragkeeper.entrypoints.server import serve
from ragkeeper.ingestion.batch import Batch
from ragkeeper.ingestion.folders import find_files

QUESTION = "How many days of parental leave do employees get?"
SAMPLES = Path(__file__).resolve().parents[3] / "examples" / "documents"
COLLECTION = "examples"
_LOOK_SECONDS = 0.05


def main() -> None:
    sys.exit(guarded(lambda: first_run(Place())))


def first_run(place: Place) -> None:
    """Serve until Ctrl-C; the tour runs beside it. Raises what starting the server raises, PortInUse among it."""
    settings = place.settings()
    running = served_at(settings)
    if running is not None:
        print_text(f"ragkeeper serves this folder already: {running}/")
        return
    note("Starting …")
    threading.Thread(target=lambda: guarded(lambda: _tour(place)), name="tour", daemon=True).start()
    try:
        with logging_by(settings, "warning" if settings.log_level == "info" else None):
            serve(settings)
    except KeyboardInterrupt:
        print_text("Stopped.")


def _tour(place: Place) -> None:
    """Add the samples, ask, and say where everything is."""
    with _connected(place) as client:
        if SAMPLES.is_dir():
            _add_samples(client)
            answer = client.post("/chat", {"message": QUESTION})
            _show(answer)
    _show_places(place)


def _connected(place: Place) -> AbstractContextManager[Client]:
    """The server of this process, as soon as it listens."""
    while served_at(place.settings()) is None:
        time.sleep(_LOOK_SECONDS)
    return place.connect_to_server()


def _add_samples(client: Client) -> None:
    """The sample documents in a collection of their own; those that are there are recognised."""
    if COLLECTION not in {item["name"] for item in client.get("/api/v1/collections")}:
        client.post("/api/v1/collections", {"name": COLLECTION, "description": "Sample documents of `make run`."})
    found = list(find_files([SAMPLES]))
    batch = Batch(client, COLLECTION)
    with progress_bar() as bar:
        sending = bar.add_task("Sample documents", total=len(found))
        batch.send(found)
        batch.follow(lambda: bar.update(sending, completed=len(found) - len(batch.waiting)))
    for failure in batch.failed:
        note(f"{failure['name']}: {failure['message']} [{failure['code']}]")


def _show(answer: dict[str, Any]) -> None:
    print_text(f"\nQuestion: {QUESTION}\n\nAnswer:")
    show_answer(answer)


def _show_places(place: Place) -> None:
    settings = place.settings()
    url = served_at(settings)
    if url is None:
        raise ServerNotRunning(path=settings.data_dir)
    file = settings.data_dir.resolve() / "secrets" / "api_key"
    key = "the setting API_KEY" if settings.api_key else file
    # The key rides behind the #, which a browser keeps to itself: one click opens the console.
    fragment = "" if settings.api_key else f"#key={file.read_text().strip()}"
    print_text(
        f"\nConsole:   {url}/{fragment}"
        f"\nHTTP API:  {url}/docs"
        f"\nKey:       {key}"
        "\nYour turn: ragkeeper ingest FOLDER, then ragkeeper ask QUESTION (in .venv/bin)"
        "\nCtrl-C stops the server; what was added stays."
    )


if __name__ == "__main__":
    main()
