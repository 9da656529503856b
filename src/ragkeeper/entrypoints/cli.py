"""The command tree: every feature's commands under `ragkeeper`.

Each is imported when it is called, for a command should not wait for what only others need.
"""

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ragkeeper import __version__
from ragkeeper.cli.app import command_group, example, run
from ragkeeper.cli.options import Json
from ragkeeper.cli.output import print_fields, print_json, print_text
from ragkeeper.entrypoints.local import LazySurgery, LocalSchema, Place, initialise
from ragkeeper.entrypoints.logs import logging_by

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Data folder; default: RAG_DATA_DIR, or ./ragkeeper-data.")
]


def main() -> None:
    """The installed command."""
    arguments = sys.argv[1:]
    with _importing():
        tree = command_tree(Place(), next(iter(arguments), ""))
    sys.exit(run(tree, arguments))


@contextmanager
def _importing() -> Iterator[None]:
    """What is imported stays for good: to look through it for garbage, again and again, finds none and takes long."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def command_tree(place: Place, name: str = "") -> typer.Typer:
    """The command or group of that name alone, which begins much sooner; every one where none has that name."""
    app = command_group(help="Answers questions from your own documents, with citations that can be checked.")
    _add_root(app, place)
    for add in [_COMMANDS[name]] if name in _COMMANDS else dict.fromkeys(_COMMANDS.values()):
        add(app, place)
    return app


def _add_root(app: typer.Typer, place: Place) -> None:
    @app.callback(invoke_without_command=False)
    def root(
        data_dir: DataDir = None,
        _version: Annotated[
            bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
        ] = False,
        _debug: Annotated[bool, typer.Option("--debug", help="Print the stack of an unexpected failure.")] = False,
    ) -> None:
        place.data_dir = data_dir


def _print_version(wanted: bool) -> None:
    if wanted:
        print_text(f"ragkeeper {__version__}")
        raise typer.Exit


def _add_process_commands(app: typer.Typer, place: Place) -> None:
    @app.command(epilog=example("ragkeeper serve --port 8080"))
    def serve(
        host: Annotated[str | None, typer.Option("--host", help="Address to listen on; default: RAG_HOST.")] = None,
        port: Annotated[
            int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 picks a free one; default: RAG_PORT.")
        ] = None,
        data_dir: DataDir = None,
    ) -> None:
        """Serve HTTP and work on what was uploaded, until SIGTERM or Ctrl-C."""
        place.data_dir = data_dir or place.data_dir
        settings = place.settings(RAG_HOST=host, RAG_PORT=port)
        with _importing():
            from ragkeeper.entrypoints.server import serve as run_server

        with logging_by(settings):
            run_server(settings)

    @app.command(epilog=example("ragkeeper init --data-dir /srv/ragkeeper"))
    def init(data_dir: DataDir = None, json: Json = False) -> None:
        """Make the data folder, its key and its database, where they are missing."""
        place.data_dir = data_dir or place.data_dir
        made = initialise(place)
        print_json(made) if json else print_fields(made)


def _add_ingest(app: typer.Typer, place: Place) -> None:
    from ragkeeper.ingestion.commands import add_ingest_commands

    add_ingest_commands(app, place.connect)


def _add_chat(app: typer.Typer, place: Place) -> None:
    from ragkeeper.conversations.commands import add_chat_commands

    add_chat_commands(app, place.connect)


def _add_search(app: typer.Typer, place: Place) -> None:
    from ragkeeper.retrieval.commands import add_search_commands

    add_search_commands(app, place.connect)


def _add_reindex(app: typer.Typer, place: Place) -> None:
    from ragkeeper.retrieval.reindex.commands import add_reindex_command

    add_reindex_command(app, place.connect)


def _add_documents(app: typer.Typer, place: Place) -> None:
    from ragkeeper.documents.commands import document_commands

    app.add_typer(document_commands(place.connect))


def _add_jobs(app: typer.Typer, place: Place) -> None:
    from ragkeeper.ingestion.progress.commands import job_commands

    app.add_typer(job_commands(place.connect))


def _add_sources(app: typer.Typer, place: Place) -> None:
    from ragkeeper.ingestion.sources.commands import source_commands

    app.add_typer(source_commands(place.connect))


def _add_eval(app: typer.Typer, place: Place) -> None:
    from ragkeeper.quality.evaluation.commands import evaluation_commands
    from ragkeeper.quality.golden.commands import add_golden_command

    evaluation = evaluation_commands(place.connect)
    add_golden_command(evaluation, place.connect)
    app.add_typer(evaluation)


def _add_cache(app: typer.Typer, place: Place) -> None:
    from ragkeeper.operations.caches.commands import cache_commands

    app.add_typer(cache_commands(place.connect))


def _add_degrade(app: typer.Typer, place: Place) -> None:
    from ragkeeper.operations.degradation.commands import degrade_commands

    app.add_typer(degrade_commands(place.connect))


def _add_health(app: typer.Typer, place: Place) -> None:
    from ragkeeper.operations.health.commands import add_health_commands

    add_health_commands(app, place.look, place.look_at_server)


def _add_breaker(app: typer.Typer, place: Place) -> None:
    from ragkeeper.operations.breakers.commands import breaker_commands

    app.add_typer(breaker_commands(place.connect_to_server))


def _add_audit(app: typer.Typer, place: Place) -> None:
    from ragkeeper.identity.audit.commands import audit_commands

    app.add_typer(audit_commands(place.connect))


def _add_monitoring(app: typer.Typer, place: Place) -> None:
    from ragkeeper.entrypoints.watching import LocalPlanner
    from ragkeeper.operations.alerts.commands import add_alert_commands
    from ragkeeper.operations.monitoring.commands import monitoring_commands

    monitoring = monitoring_commands(LocalPlanner(place))
    add_alert_commands(monitoring, place.connect_to_server)
    app.add_typer(monitoring)


def _add_history(app: typer.Typer, place: Place) -> None:
    from ragkeeper.operations.history.commands import history_commands

    app.add_typer(history_commands(place.connect))


def _add_capacity(app: typer.Typer, place: Place) -> None:
    from ragkeeper.operations.capacity.commands import capacity_commands

    app.add_typer(capacity_commands(place.connect))


def _add_diagnose(app: typer.Typer, place: Place) -> None:
    from ragkeeper.entrypoints.diagnose import LocalInstallation
    from ragkeeper.operations.diagnose.commands import diagnose_commands

    app.add_typer(diagnose_commands(LocalInstallation(place)))


def _add_db(app: typer.Typer, place: Place) -> None:
    from ragkeeper.operations.upgrade.commands import database_commands

    app.add_typer(database_commands(LocalSchema(place)))


def _add_doctor(app: typer.Typer, place: Place) -> None:
    from ragkeeper.operations.doctor.commands import add_support_bundle, doctor_commands
    from ragkeeper.retrieval.inspection.commands import add_index_doctor

    surgery = LazySurgery(place)
    doctor = doctor_commands(surgery)
    add_index_doctor(doctor, place.connect)
    app.add_typer(doctor)
    add_support_bundle(app, surgery)


# In the order of the help.
_COMMANDS: Mapping[str, Callable[[typer.Typer, Place], None]] = {
    "serve": _add_process_commands,
    "init": _add_process_commands,
    "ingest": _add_ingest,
    "ask": _add_chat,
    "search": _add_search,
    "reindex": _add_reindex,
    "documents": _add_documents,
    "jobs": _add_jobs,
    "sources": _add_sources,
    "eval": _add_eval,
    "cache": _add_cache,
    "degrade": _add_degrade,
    "health": _add_health,
    "status": _add_health,
    "breaker": _add_breaker,
    "audit": _add_audit,
    "monitoring": _add_monitoring,
    "history": _add_history,
    "capacity": _add_capacity,
    "diagnose": _add_diagnose,
    "db": _add_db,
    "doctor": _add_doctor,
    "support-bundle": _add_doctor,
}


if __name__ == "__main__":
    main()
