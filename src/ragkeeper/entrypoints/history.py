"""How the memory of the server's figures is put together."""

from collections.abc import Callable
from dataclasses import dataclass

from ragkeeper.core.clock import utc_now
from ragkeeper.core.foreground import Foreground
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.capacity.service import CapacityService
from ragkeeper.operations.diagnose.models import SlowStatement
from ragkeeper.operations.diagnose.service import DiagnosisService
from ragkeeper.operations.history.recorder import HistoryRecorder, Refresh
from ragkeeper.operations.history.service import HistoryService
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.statements import SLOW_SECONDS


@dataclass(frozen=True, slots=True)
class History:
    recorder: HistoryRecorder
    service: HistoryService
    capacity: CapacityService
    diagnosis: DiagnosisService


def assemble_history(
    database: Database, metrics: Metrics, refresh: Refresh, foreground: Foreground, held: Callable[[], str]
) -> History:
    """held: why nothing may be written at this moment, empty where it may."""
    recorder = HistoryRecorder(database, metrics, refresh, utc_now, foreground, held)
    service = HistoryService(database, utc_now)
    diagnosis = DiagnosisService(lambda: _slowest(database), SLOW_SECONDS, service, recorder.recent, utc_now)
    return History(recorder, service, CapacityService(service, utc_now), diagnosis)


def _slowest(database: Database) -> list[SlowStatement]:
    found = database.statements.slowest()
    return [SlowStatement(one.name, one.text, one.count, one.seconds, one.longest) for one in found]
