import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, text
from structlog.testing import capture_logs

from ragkeeper.core.access import Caller, Forbidden, local_administrator
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.degradation.errors import ReadOnly
from ragkeeper.operations.degradation.models import Seen, Step
from ragkeeper.operations.degradation.service import DegradationService
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import DatabaseReadOnly
from ragkeeper.storage.sql.tables import settings
from tests.schema import migrated
from tests.wired import user

ADMIN = local_administrator()
TEN_MINUTES = timedelta(minutes=10)


@dataclass
class World:
    database: Database
    metrics: Metrics = field(default_factory=Metrics)
    now: datetime = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    acts: list[tuple[str, str, str]] = field(default_factory=list)
    missing: list[Seen] = field(default_factory=list)

    def service(self) -> DegradationService:
        return DegradationService(self.database, self.metrics, lambda: self.now, self)

    async def record(self, caller: Caller, action: str, subject: str, **_details: Any) -> None:
        self.acts.append((caller.id, action, subject))

    async def observe(self) -> Sequence[Seen]:
        return self.missing

    def gauge(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.metrics.scrape().decode())
        [value] = [
            one.value for family in families for one in family.samples if (one.name, one.labels) == (name, labels)
        ]
        return value


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await migrated(tmp_path / "x.db")
    yield World(database)
    await database.close()


async def test_a_forced_step_holds_for_its_time_and_survives_a_restart(world: World):
    first = world.service()
    await first.start(world.observe)
    found = await first.force(ADMIN, Step.EXTRACTIVE, TEN_MINUTES, "the model talks nonsense")
    assert (found.step, found.forced.stored if found.forced else None) == (Step.EXTRACTIVE, True)
    await first.stop()
    second = world.service()
    await second.start(world.observe)
    assert second.held_to is Step.EXTRACTIVE
    assert second.forced
    assert (second.forced.by, second.forced.reason) == ("local", "the model talks nonsense")
    world.now += TEN_MINUTES
    assert second.held_to is Step.FULL
    assert second.now.step is Step.FULL
    await second.stop()
    assert world.acts == [("local", "degradation_forced", "extractive")]


async def test_automatic_ends_it_for_good(world: World):
    service = world.service()
    await service.force(ADMIN, Step.READ_ONLY, TEN_MINUTES)
    assert isinstance(service.refusal(), ReadOnly)
    await service.automatic(ADMIN)
    assert service.refusal() is None
    again = world.service()
    await again.start(world.observe)
    await again.stop()
    assert again.now.step is Step.FULL


async def test_read_only_does_not_hold_answers_back(world: World):
    service = world.service()
    await service.force(ADMIN, Step.READ_ONLY, TEN_MINUTES, "moving house")
    assert service.held_to is Step.FULL
    refusal = service.refusal()
    assert refusal is not None
    assert refusal.retry_after == 300
    assert "moving house" in refusal.message


async def test_what_is_missing_is_told_and_not_obeyed(world: World):
    service = world.service()
    await service.look([Seen("models", Step.EXTRACTIVE, "chat_unavailable", "refused")])
    assert service.now.answers is Step.EXTRACTIVE
    assert service.held_to is Step.FULL
    assert world.gauge("rag_degradation_step") == 3
    assert world.gauge("rag_degradation_cause", cause="models") == 1
    world.now += timedelta(seconds=9)
    await service.look([])
    assert service.now.step is Step.EXTRACTIVE
    world.now += timedelta(seconds=1)
    await service.look([])
    assert service.now.step is Step.FULL
    assert world.gauge("rag_degradation_step") == 0
    assert world.gauge("rag_degradation_cause", cause="models") == 0


async def test_it_can_be_forced_where_nothing_can_be_stored(world: World):
    async with world.database.write() as sql:
        await sql.execute(text("PRAGMA query_only=1"))
    service = world.service()
    found = await service.force(ADMIN, Step.READ_ONLY, TEN_MINUTES)
    assert found.forced
    assert not found.forced.stored
    assert isinstance(world.database.trouble, DatabaseReadOnly)


async def test_it_finds_out_by_itself_that_changes_are_kept_again(world: World):
    async with world.database.write() as sql:
        await sql.execute(text("PRAGMA query_only=1"))
    service = world.service()
    await service.force(ADMIN, Step.READ_ONLY, TEN_MINUTES)
    await service._prove_writing()
    assert world.database.trouble is not None
    await world.database.close()  # its next connection may write
    service._proved = 0.0
    await service._prove_writing()
    assert world.database.trouble is None


@pytest.mark.parametrize("last", [Step.EXTRACTIVE, None])
async def test_what_could_not_be_stored_is_stored_when_that_works_again(world: World, last: Step | None):
    """Also that nothing is forced any more: the next start would find what was stored before."""
    service = world.service()
    await service.force(ADMIN, Step.SEARCH_ONLY, TEN_MINUTES)
    async with world.database.write() as sql:
        await sql.execute(text("PRAGMA query_only=1"))
    await (service.force(ADMIN, last, TEN_MINUTES) if last else service.automatic(ADMIN))
    await world.database.close()  # its next connection may write
    world.database.trouble = None  # somebody else's change was kept first
    service._proved = 0.0
    await service._prove_writing()
    assert service.forced is None or service.forced.stored
    second = world.service()
    await second.start(world.observe)
    await second.stop()
    assert (second.forced and second.forced.step) == last


async def test_a_look_that_fails_is_not_the_last_one(world: World):
    looks: list[int] = []
    again = asyncio.Event()

    async def observe() -> Sequence[Seen]:
        looks.append(1)
        if len(looks) == 2:
            raise OSError("a part that nobody thought of")
        if len(looks) > 2:
            again.set()
        return []

    service = world.service()
    await service.start(observe, every=0.001)
    await asyncio.wait_for(again.wait(), 5)
    await service.stop()
    assert len(looks) > 2


@pytest.mark.parametrize("act", ["force", "automatic"])
async def test_only_administrators_may(world: World, act: str):
    service, bob = world.service(), user("bob")
    with pytest.raises(Forbidden):
        await (service.force(bob, Step.READ_ONLY, TEN_MINUTES) if act == "force" else service.automatic(bob))
    assert service.now.step is Step.FULL
    assert world.acts == []


@pytest.mark.parametrize(
    "stored",
    [
        {"step": "half_asleep", "by": "x", "since": "2026-11-21T09:00:00+00:00", "until": "2099-01-01T00:00:00+00:00"},
        {"step": "extractive", "by": "x", "since": "yesterday", "until": "2099-01-01T00:00:00+00:00", "reason": ""},
        {"by": "x"},
        ["extractive"],
    ],
)
async def test_what_another_release_forced_is_ignored_and_said(world: World, stored: object):
    async with world.database.write() as sql:
        await sql.execute(insert(settings).values(name="forced_degradation", value=stored, updated_at=world.now))
    service = world.service()
    with capture_logs() as logged:
        await service.start(world.observe)
    assert service.forced is None
    assert [one["event"] for one in logged].count("forced_step_ignored") == 1
    await service.force(ADMIN, Step.EXTRACTIVE, TEN_MINUTES, "anew")
    await service.stop()
