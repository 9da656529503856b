"""After every complete run the documents are what the source held; nothing goes that should not."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ragkeeper.documents.models import Selection
from tests.sources import Keeper, keeping
from tests.wired import ADMIN

KEYS = [f"{number}.md" for number in range(14)]
TEXTS = ["Alpha.", "Beta.", "Gamma.", ""]
MOST_REMOVED = 0.3


class Model(RuleBasedStateMachine):
    """`there`: what the source holds. `taken`: content and existence of each document as they must be."""

    @initialize(texts=st.lists(st.sampled_from(TEXTS), min_size=0, max_size=len(KEYS)))
    def begin(self, texts: list[str]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.context = keeping(Path(self.folder.name))
        self.keeper: Keeper = self.run(self.context.__aenter__())
        self.run(self.keeper.add())
        self.taken: dict[str, str] = {}  # the content that was taken in last, by key
        self.deleted: set[str] = set()  # keys whose document somebody deleted since
        self.keeper.place.contents.update(zip(KEYS, texts, strict=False))

    def run(self, work):
        return self.loop.run_until_complete(work)

    @rule(key=st.sampled_from(KEYS), text=st.sampled_from(TEXTS))
    def put(self, key: str, text: str) -> None:
        self.keeper.place.contents[key] = text

    @rule(keys=st.sets(st.sampled_from(KEYS), min_size=1))
    def lose(self, keys: set[str]) -> None:
        for key in keys:
            self.keeper.place.contents.pop(key, None)

    @rule(key=st.sampled_from(KEYS))
    def turn_unreadable(self, key: str) -> None:
        self.keeper.place.unreadable ^= {key}

    @rule(key=st.sampled_from(KEYS))
    def delete_by_hand(self, key: str) -> None:
        deletions = self.keeper.product.deletions
        plan = self.run(deletions.plan(ADMIN, Selection(name_prefix=f"docs/{key}")))
        self.run(deletions.carry_out(ADMIN, plan))
        if key in self.taken:
            self.deleted.add(key)

    @rule(after=st.integers(0, len(KEYS)))
    def sync_that_breaks_off(self, after: int) -> None:
        place = self.keeper.place
        place.fails_after = min(after, len(place.contents))
        run = self.run(self.keeper.sync(allow_removals=True))
        assert run.problem is not None
        assert run.removed == 0
        self.take(list(place.contents)[: place.fails_after])
        place.fails_after = None

    @rule(allowed=st.booleans())
    def sync(self, allowed: bool) -> None:
        there = self.keeper.place.contents
        gone = self.taken.keys() - there.keys()
        few_enough = len(gone) <= max(2 * (len(self.taken) < 10), MOST_REMOVED * len(self.taken))
        believed = not gone or allowed or (bool(there) and few_enough)
        run = self.run(self.keeper.sync(allow_removals=allowed))
        assert (run.problem is None) is believed
        self.take(list(there))
        if believed:
            assert run.removed == len(gone - self.deleted)
            for key in gone:
                del self.taken[key]
            self.deleted -= gone

    def take(self, seen: list[str]) -> None:
        place = self.keeper.place
        for key in seen:
            text = place.contents[key]
            if key not in place.unreadable and text and self.taken.get(key) != text:
                self.taken[key] = text
                self.deleted.discard(key)

    @invariant()
    def documents_are_what_they_must_be(self) -> None:
        expected = {f"docs/{key}": text for key, text in self.taken.items() if key not in self.deleted}
        assert self.run(self.keeper.texts()) == expected

    def teardown(self) -> None:
        if hasattr(self, "keeper"):
            self.run(self.context.__aexit__(None, None, None))
            self.loop.close()
            self.folder.cleanup()


def test_documents_follow_the_source_through_any_history() -> None:  # passes by raising nothing
    chosen = settings(
        max_examples=25,
        stateful_step_count=15,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Model, settings=chosen)


@given(stop_after=st.integers(0, 30))
@settings(max_examples=10)
def test_a_run_that_is_stopped_anywhere_ends_with_the_whole_source(stop_after: int) -> None:
    async def history() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with keeping(Path(folder)) as keeper:
                await keeper.add(most_removed=1.0)
                keeper.place.contents |= {f"{number}.md": f"Old {number}." for number in range(10)}
                await keeper.sync()
                keeper.place.contents.clear()
                keeper.place.contents |= {f"{number}.md": f"New {number}." for number in range(5, 15)}
                job_id = await keeper.service.sync(ADMIN, "docs")
                for _ in range(stop_after * 20):
                    await asyncio.sleep(0)
                await keeper.stop()
                keeper.begin()
                await keeper.engine.start()
                assert (await keeper.ended(job_id)).state == "done"
                expected = {f"docs/{number}.md": f"New {number}." for number in range(5, 15)}
                assert await keeper.texts() == expected

    asyncio.run(history())
