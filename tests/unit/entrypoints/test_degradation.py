"""What counts as missing, and when the index is built anew."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ragkeeper.core.errors import RagkeeperError, Unavailable
from ragkeeper.entrypoints.degradation import IndexHealer, Missing, Restraint
from ragkeeper.operations.degradation.models import Cause, Forced, Seen, Step
from ragkeeper.operations.degradation.rules import in_force
from ragkeeper.operations.health.models import ComponentState, Limits, ProbeResult
from ragkeeper.retrieval.fallback.models import IndexTrouble
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.storage.sql.errors import StorageFull

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TROUBLE = IndexTrouble("index_failed", "It is broken.", NOW)


@dataclass
class World:
    """A server's parts as far as they are looked at."""

    folder: IndexFolder
    now: float = 1000.0
    begun: int = 0
    tried: int = 0
    refusal: RagkeeperError | None = None
    index_trouble: IndexTrouble | None = None
    reranker_trouble: RagkeeperError | None = None
    trouble: RagkeeperError | None = None
    components: dict[str, ProbeResult] = field(default_factory=dict)
    serving: Any = field(default_factory=lambda: SimpleNamespace(name="20261121-x"))

    def health(self) -> "World":
        return self

    async def try_index(self) -> None:
        self.tried += 1

    async def begin(self, _caller: object) -> str:
        if self.refusal:
            raise self.refusal
        self.begun += 1
        return "job"

    def healer(self) -> IndexHealer:
        me = cast("Any", self)
        return IndexHealer(me, me, self.folder, me, lambda: self.now)

    async def missing(self) -> Sequence[Seen]:
        me = cast("Any", self)
        return await Missing(me, me, me, self.healer())()


def world(tmp_path: Path) -> World:
    (tmp_path / "index" / "20261121-x").mkdir(parents=True)
    return World(IndexFolder(tmp_path / "index"))


async def test_nothing_is_missing_on_a_healthy_server(tmp_path: Path) -> None:
    found = world(tmp_path)
    found.components = {"llm_service": ProbeResult(ComponentState.NOT_CONFIGURED)}
    assert await found.missing() == []


async def test_each_part_brings_about_its_step(tmp_path: Path) -> None:
    found = world(tmp_path)
    found.index_trouble = TROUBLE
    found.trouble = StorageFull(reason="full")
    found.reranker_trouble = Unavailable(part="It", reason="away")
    found.components = {
        "llm_service": ProbeResult(ComponentState.UNHEALTHY, "refused", "chat_unavailable"),
        "embedder": ProbeResult(ComponentState.UNHEALTHY, "refused", "embedder_unavailable"),
    }
    assert {one.name: one.step for one in await found.missing()} == {
        "database": Step.READ_ONLY,
        "reranker": Step.WITHOUT_RERANKING,
        "models": Step.EXTRACTIVE,
        "embedder": Step.FULL,
        "index": Step.FULL,
    }
    assert found.tried == 1
    found.components["llm_service"] = ProbeResult(ComponentState.DEGRADED, "the first is away", "chat_unavailable")
    assert {one.name for one in await found.missing() if one.step is Step.FALLBACK_MODEL} == {"first_model"}


async def test_an_index_that_stays_away_is_built_anew_now_and_then(tmp_path: Path) -> None:
    found = world(tmp_path)
    healer = found.healer()
    found.index_trouble = TROUBLE
    for seconds, begun in ((0, 0), (19, 0), (1, 1), (100, 1), (199, 1), (1, 2)):
        found.now += seconds
        assert await healer.look()
        assert found.begun == begun, found.now


async def test_one_that_comes_back_in_time_is_left_alone(tmp_path: Path) -> None:
    found = world(tmp_path)
    healer = found.healer()
    found.index_trouble = TROUBLE
    await healer.look()
    found.now, found.index_trouble = found.now + 15, None
    assert await healer.look() is None
    found.now, found.index_trouble = found.now + 15, TROUBLE
    await healer.look()
    assert found.begun == 0


async def test_a_folder_that_is_gone_is_seen_and_made_again(tmp_path: Path) -> None:
    found = world(tmp_path)
    healer = found.healer()
    (tmp_path / "index" / "20261121-x").rmdir()
    (tmp_path / "index").rmdir()
    seen = await healer.look()
    assert seen
    assert seen.code == "index_folder_gone"
    found.now += 20
    await healer.look()
    assert found.begun == 1
    assert (tmp_path / "index").is_dir()


async def test_a_refusal_to_build_is_no_failure_of_the_look(tmp_path: Path) -> None:
    found = world(tmp_path)
    found.refusal = Unavailable(part="Room", reason="there is none")
    found.index_trouble = TROUBLE
    healer = found.healer()
    await healer.look()
    found.now += 20
    assert await healer.look()
    assert found.begun == 0


async def test_an_index_that_is_only_overloaded_is_never_built_anew(tmp_path: Path) -> None:
    """It answers now and then, if late."""
    found = world(tmp_path)
    healer = found.healer()
    for second in range(3600):
        found.now += 1
        found.index_trouble = replace(TROUBLE, code="index_silent", answers=second % 100 == 0)
        assert await healer.look() is not None
    assert found.begun == 0


async def test_an_index_that_never_answers_again_is_built_anew_later_than_one_that_fails(tmp_path: Path) -> None:
    found = world(tmp_path)
    healer = found.healer()
    found.index_trouble = replace(TROUBLE, code="index_silent")
    for _ in range(290):
        found.now += 1
        await healer.look()
    assert found.begun == 0
    found.now += 20
    await healer.look()
    assert found.begun == 1


def limits(*causes: Step, forced: Step | None = None, quotes: bool = False) -> Limits:
    """Of a server with such causes, and a step that somebody forced."""
    seen = [Cause(Seen(step.value, step, "c", "r"), NOW, NOW) for step in causes]
    said = Forced(forced, "me", NOW, NOW) if forced else None
    held_to = forced if forced and forced is not Step.READ_ONLY else Step.FULL
    degradation = SimpleNamespace(now=in_force(seen, said), held_to=held_to)
    return Restraint(cast("Any", degradation), quotes=quotes).limits()


def test_what_is_forced_seen_or_set_limits_what_can_be_done() -> None:
    assert limits(quotes=True) == Limits()
    assert limits(Step.EXTRACTIVE) == Limits(needs_model=True)
    assert limits(Step.READ_ONLY, quotes=True) == limits(forced=Step.READ_ONLY, quotes=True) == Limits(read_only=True)
    # Whoever holds answers to quoting gets them quoted.
    assert limits(forced=Step.EXTRACTIVE) == limits(forced=Step.SEARCH_ONLY) == Limits()
    assert limits(forced=Step.FALLBACK_MODEL) == Limits(needs_model=True)
