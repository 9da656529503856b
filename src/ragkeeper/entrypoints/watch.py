"""What looks at the running server, besides the health of its parts: traffic, figures, traces, history, alerts."""

from collections.abc import Callable
from dataclasses import dataclass

from ragkeeper.core.foreground import Foreground
from ragkeeper.core.job_log import FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.alerting import assemble_alerts
from ragkeeper.entrypoints.history import History, assemble_history
from ragkeeper.entrypoints.status import Observers
from ragkeeper.entrypoints.tracing import trace_exporter
from ragkeeper.operations.alerts.service import AlertService
from ragkeeper.operations.metrics.looks import Looks
from ragkeeper.operations.tracing.service import TraceExporter
from ragkeeper.storage.files.data_folder import DataFolder
from ragkeeper.storage.sql.database import Database


@dataclass(frozen=True, slots=True)
class Watch:
    """tracing: None where nobody collects traces."""

    observers: Observers
    looks: Looks
    tracing: TraceExporter | None
    history: History
    alerts: AlertService

    async def start(self, *, for_one_command: bool) -> None:
        """for_one_command: nothing is remembered, and nobody is told anything."""
        self.observers.start()
        self.looks.start()
        if self.tracing is not None:
            self.tracing.start()
        if not for_one_command:
            self.history.recorder.start()
            await self.alerts.start()

    async def stop(self) -> None:
        await self.observers.stop()
        await self.alerts.stop()
        await self.history.recorder.stop()
        await self.looks.stop()
        if self.tracing is not None:
            await self.tracing.stop()


def assemble_watch(
    settings: Settings,
    folder: DataFolder,
    database: Database,
    metrics: Metrics,
    foreground: Foreground,
    held: Callable[[], str],
    failed: FailedJobs,
) -> Watch:
    """held: why nothing may be written at this moment, empty where it may."""
    looks = Looks(metrics)
    return Watch(
        observers=Observers.of(settings, folder, database, metrics),
        looks=looks,
        tracing=trace_exporter(settings, metrics),
        history=assemble_history(database, metrics, looks.refresh, foreground, held),
        alerts=assemble_alerts(settings, database, metrics, looks.refresh, failed),
    )
