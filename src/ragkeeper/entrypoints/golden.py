"""How the golden questions are put together: who searches, who remembers, when they are asked."""

from functools import partial

from ragkeeper.core.clock import utc_now
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import SettingInvalid, Settings
from ragkeeper.jobs.cron import check_cron
from ragkeeper.jobs.errors import CronInvalid
from ragkeeper.jobs.port import JobEngine
from ragkeeper.quality.evaluation.repository import read_judgements
from ragkeeper.quality.golden.jobs import register_golden
from ragkeeper.quality.golden.service import GoldenQuestions
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.storage.sql.database import Database


def assemble_golden(
    settings: Settings, retrieval: RetrievalService, database: Database, metrics: Metrics, engine: JobEngine
) -> GoldenQuestions:
    """Raises SettingInvalid for a schedule that is none."""
    require_schedule(settings)
    folder = settings.golden_questions
    questions = partial(read_judgements, folder) if folder else None
    golden = GoldenQuestions(questions, retrieval, database, metrics, utc_now)
    register_golden(engine, golden)
    return golden


def require_schedule(settings: Settings) -> None:
    """Raises SettingInvalid."""
    try:
        check_cron(settings.golden_schedule)
    except CronInvalid as error:
        raise SettingInvalid(name="RAG_GOLDEN_SCHEDULE", reason=error.message) from error
