from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from ragkeeper.core.access import Caller, Forbidden, local_administrator
from ragkeeper.core.metrics import Metrics
from ragkeeper.jobs.fake import FakeJobEngine
from ragkeeper.quality.evaluation.errors import SetUnreadable
from ragkeeper.quality.evaluation.repository import read_judgements
from ragkeeper.quality.golden.errors import NoGoldenQuestions
from ragkeeper.quality.golden.jobs import register_golden, schedule_golden
from ragkeeper.quality.golden.models import GOLDEN
from ragkeeper.quality.golden.service import GoldenQuestions
from ragkeeper.retrieval.models import Hit, Scores, SearchRequest, SearchResult
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.migrate import upgrade_schema
from tests.waiting import until
from tests.wired import user

ADMIN = local_administrator()
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class Documents:
    """Searches that find the documents whose names stand in the question, each by two passages."""

    def __init__(self, *names: str) -> None:
        self.names = names

    async def search(self, caller: Caller, request: SearchRequest) -> SearchResult:
        assert caller.is_admin
        hits = [_hit(name) for name in self.names if name in request.query for _ in range(2)]
        return SearchResult(tuple(hits), (request.query,), {})


def _hit(name: str) -> Hit:
    return Hit("d", "v", "default", (1,), name, name, "", None, None, (), 0, 0, {}, Scores(None, None, 1.0, None))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "about a.md"}\n{"_id": "2", "text": "about b.md"}\n')
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta.md\t1\n2\tb.md\t1\n")
    return tmp_path


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'x.db'}")
    await upgrade_schema(made)
    yield made
    await made.close()


def figures(metrics: Metrics) -> dict[str, float]:
    names = ("rag_search_hit_rate", "rag_search_ndcg", "rag_golden_questions")
    samples = {family.name: family.samples for family in metrics.families()}
    return {name: samples[name][0].value for name in names}


async def test_the_newest_run_is_told_also_after_a_restart(folder: Path, database: Database):
    documents, metrics = Documents("a.md", "b.md"), Metrics()
    golden = GoldenQuestions(partial(read_judgements, folder), documents, database, metrics, lambda: NOW)
    assert (await golden.ask(ADMIN)).hit_rate == 1
    documents.names = ("a.md",)
    run = await golden.ask(ADMIN)
    assert (run.hit_rate, run.missed) == (0.5, ("2",))
    told = {"rag_search_hit_rate": 0.5, "rag_search_ndcg": 0.5, "rag_golden_questions": 2}
    assert figures(metrics) == told
    again = Metrics()
    await GoldenQuestions(partial(read_judgements, folder), documents, database, again, lambda: NOW).restore()
    assert figures(again) == told


async def test_without_questions_nothing_is_asked_told_or_scheduled(database: Database):
    golden, engine = GoldenQuestions(None, Documents(), database, Metrics(), lambda: NOW), FakeJobEngine()
    with pytest.raises(NoGoldenQuestions):
        await golden.ask(ADMIN)
    await schedule_golden(engine, golden, "41 3 * * *")
    assert engine.store.schedules[GOLDEN] == []


async def test_a_folder_without_questions_is_said_to_be_none_and_strangers_may_not_ask(
    tmp_path: Path, database: Database
):
    golden = GoldenQuestions(partial(read_judgements, tmp_path), Documents(), database, Metrics(), lambda: NOW)
    with pytest.raises(SetUnreadable):
        await golden.ask(ADMIN)
    with pytest.raises(Forbidden):
        await golden.ask(user("ann"))


async def test_they_are_asked_by_a_job_on_a_schedule(folder: Path, database: Database):
    metrics, engine = Metrics(), FakeJobEngine()
    golden = GoldenQuestions(partial(read_judgements, folder), Documents("a.md"), database, metrics, lambda: NOW)
    register_golden(engine, golden)
    await schedule_golden(engine, golden, "*/5 * * * *")
    [schedule] = engine.store.schedules[GOLDEN]
    assert schedule.cron == "*/5 * * * *"
    job = await engine.submit(schedule.kind, schedule.argument)

    async def ended() -> bool:
        found = await engine.find(job)
        return found is not None and found.state.is_final

    await until(ended)
    found = await engine.find(job)
    assert found is not None
    assert isinstance(found.result, dict)
    assert (found.result["hit_rate"], found.result["missed"]) == (0.5, ["2"])
    assert figures(metrics)["rag_search_hit_rate"] == 0.5
    await engine.stop()
