"""One data folder from its first start through many lives of its server, and what was found wrong on the way."""

import asyncio
import copy
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.faults.harness import faults
from tests.faults.harness.client import Client
from tests.faults.harness.desk import Desk
from tests.faults.harness.faults import Fault, Kind
from tests.faults.harness.interposer import Action, Call, Interposer, Part, Point
from tests.faults.harness.invariants import violations
from tests.faults.harness.look import Look, look
from tests.faults.harness.model import Model
from tests.faults.harness.process import Server, StartFailed
from tests.faults.harness.workload import Operation, operations

LIVES = 25
_AT_ONCE = 3
_SETTLE_SECONDS = 120.0
_AGREE_SECONDS = 20.0
_FREEZE_SECONDS = 3.0
_LATE_SECONDS = 0.5  # for answers to what was asked while the disk failed
_PIECE_SECONDS = 1.5  # what a small piece of work leaves to do behind its answers


@dataclass(slots=True)
class Counts:
    """What a run has done: struck: kills by the call and the part of the data folder where they fell."""

    operations: int = 0
    kills: int = 0
    looks: int = 0
    lives: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    struck: Counter[tuple[Call, Part]] = field(default_factory=Counter)
    calls: Counter[tuple[Call, Part]] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)


class Era:
    """`failures` is what a newcomer reads: empty when everything held."""

    def __init__(self, seed: int, number: int, folder: Path, library: Path, counts: Counts, say: Callable[[str], None]):
        self.failures: list[str] = []
        self.model = Model()
        self._seed = seed
        self._number = number
        self._counts = counts
        self._say = say
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._interposer = Interposer(library, folder, folder / "data")
        self.server = Server(folder, self._interposer, {})
        self._desk = Desk(folder / "desk", self.model)
        self._conversations: list[str] = []
        self._disk_failed = False

    async def run(self, lives: int, operations_each: int) -> None:
        """Ends early with the first failure: after it the model is no guide."""
        try:
            for n in range(lives):
                await self._life(self._number * LIVES + n, operations_each)
                if self.failures:
                    return
            await self._last_look()
        except StartFailed as error:
            self.failures.append(f"the server did not start: {error}")
        except httpx.TransportError as error:
            self.failures.append(f"the server broke off while it was looked at: {error!r}")
        finally:
            if not self.server.died:
                self.server.kill()

    async def quietly(self, chosen: Iterator[Operation], until: float) -> None:
        """Operations without faults until a moment of the monotonic clock, then a look."""
        await self._start(None)
        client = self._client()
        try:
            await self._perform(client, chosen, until)
            await self._check(client)
        finally:
            await self._close(client)
            self.server.stop()

    # --- one piece of work, again and again

    async def prepare(self, before: Iterator[Operation]) -> None:
        """Do what comes before the piece, and stop the server; other eras may begin with a copy of the folder."""
        await self._start(None)
        client = self._client()
        try:
            await self._perform(client, before)
            await self._check(client)
        finally:
            await self._close(client)
            self.server.stop()

    def begin_like(self, prepared: "Era") -> None:
        """Go on from there: the folder is a copy of that era's."""
        self.model = copy.deepcopy(prepared.model)
        self._desk = Desk(self._folder / "desk", self.model)

    async def whole(self, work: Iterator[Operation]) -> list[Point]:
        """Do the work without a fault; the calls that it makes, numbered from its beginning."""
        before = await self._piece(work, Action.NONE, 0)
        return [Point(one.number - before, one.call, one.part) for one in self._interposer.trace()[before:]]

    async def killed_at(self, work: Iterator[Operation], action: Action, call: int) -> None:
        """Let `action` happen at a call of the work, then look what the next server makes of it."""
        await self._piece(work, action, call)
        self._note_kill()
        await self._last_look()

    async def _piece(self, work: Iterator[Operation], action: Action, call: int) -> int:
        """Returns how many calls there were before the work."""
        self._interposer.reset()
        await asyncio.to_thread(self.server.start, journal=True)
        client = self._client()
        before = self._interposer.calls
        try:
            if action is not Action.NONE:
                self._interposer.arm(action, call)
            await self._perform(client, work, at_once=1)
            await self._until(lambda: self.server.died, _PIECE_SECONDS)
        finally:
            await self._close(client)
        if not self.server.died:
            self.server.kill()
        return before

    # --- one life

    async def _life(self, life: int, count: int) -> None:
        fault = faults.choose(self._seed, life, first=life % LIVES == 0)
        self._say(f"life {life}: {fault}")
        await self._start_through(fault)
        client = self._client()
        try:
            await self._check(client)
            if not self.failures:
                await self._strike(client, fault, operations(self._seed, life, count))
        finally:
            await self._close(client)
        self._end(fault)

    async def _start_through(self, fault: Fault) -> None:
        """Start the server; when its start is what is struck, strike that and start another."""
        if await self._start(fault):
            if fault.at_start:  # what a start does behind the first answers may be struck too
                await self._until(lambda: self.server.died, fault.linger)
                self._interposer.disarm()
                if self._interposer.fired:  # at the last moment: it may be a while until it is dead
                    await self._until(lambda: self.server.died, _PIECE_SECONDS)
            if not self.server.died:
                return
        self._note_kill()
        await self._start(None)

    async def _start(self, fault: Fault | None) -> bool:
        """False when it was killed on the way."""
        self._interposer.reset()
        if fault is not None and fault.at_start:
            self._interposer.arm(fault.action, fault.calls)
        return await asyncio.to_thread(self.server.start, journal=fault is not None and fault.journal)

    async def _strike(self, client: Client, fault: Fault, chosen: Iterator[Operation]) -> None:
        if fault.action is not Action.NONE and not fault.at_start:
            self._interposer.arm(fault.action, fault.calls)
        before = client.sent
        striking = asyncio.create_task(self._accompany(fault))
        await self._perform(client, chosen)
        self._counts.operations += client.sent - before
        if fault.is_survived:
            await striking
            await self._check(client, restarted=False)
        else:
            striking.cancel()
            await self._until(lambda: self.server.died, fault.linger)

    async def _accompany(self, fault: Fault) -> None:
        """What happens to the server from outside while operations go on."""
        if fault.action in {Action.FULL, Action.BROKEN}:
            await self._until(lambda: self._interposer.failing, 5.0)
            self._disk_failed = fault.action is Action.BROKEN
            await asyncio.sleep(fault.seconds)
            self._interposer.disarm()
            self._interposer.heal()
            await asyncio.sleep(_LATE_SECONDS)
            self._disk_failed = False
            return
        await asyncio.sleep(fault.seconds / 3)
        if fault.kind is Kind.READERS:
            for _ in range(3):
                self.server.kill_readers()
                await asyncio.sleep(0.3)
        elif fault.kind is Kind.FROZEN:
            self.server.freeze()
            await asyncio.sleep(_FREEZE_SECONDS)
            self.server.thaw()
        elif fault.kind is Kind.CLOCK:
            self._interposer.shift_clock(fault.shift)
        elif fault.kind is Kind.AT_ANY_TIME:
            self.server.kill()

    async def _perform(
        self, client: Client, chosen: Iterator[Operation], until: float = float("inf"), at_once: int = _AT_ONCE
    ) -> None:
        """A few at once, in their order, until the server dies."""

        async def worker() -> None:
            for operation in chosen:
                if self.server.died or time.monotonic() > until:
                    return
                await client.perform(operation)

        await asyncio.gather(*(worker() for _ in range(at_once)))

    def _end(self, fault: Fault) -> None:
        if not self.server.died:
            self.server.kill()
        elif self._interposer.fired is None and fault.kind is not Kind.AT_ANY_TIME:
            self.failures.append("the server ended by itself")
        self._note_kill()
        self._counts.lives += 1
        self._counts.kinds[fault.kind.value] += 1

    def _note_kill(self) -> None:
        self._counts.kills += 1
        self._counts.calls += self._interposer.histogram()
        if point := self._interposer.fired:
            self._counts.struck[point.call, point.part] += 1
            undone = f", {self._interposer.undone} changes undone" if self._interposer.undone else ""
            self._say(f"  struck at {point}{undone}")

    # --- looking

    async def _last_look(self) -> None:
        """Everything again, and what may pass has passed: failed readings are taken up once more."""
        await self._start(None)
        client = self._client()
        try:
            await self._settle(client)
            await client.http.post("/api/v1/jobs/retry", json={})
            await self._check(client)
        finally:
            await self._close(client)
            self.server.stop()

    async def _check(self, client: Client, *, restarted: bool = True) -> None:
        """Wait until nothing is left to do, hold everything against the model, and learn what was in doubt.

        Cleaning up at the start goes on behind the first answers, so what is wrong is looked at again for a while.
        """
        if failure := await self._desk.bring_in_step(client.http):
            self.failures.append(failure)
        if self.failures or not await self._settle(client):
            return
        end = time.monotonic() + _AGREE_SECONDS
        while True:
            seen = await look(client, self.model, self.server.data)
            found = violations(self.model, seen, restarted=restarted)
            if not found or time.monotonic() > end:
                break
            await asyncio.sleep(0.3)
        self.failures += found
        self._counts.looks += 1
        self._learn(seen)

    async def _settle(self, client: Client) -> bool:
        await client.http.post("/api/v1/jobs/resume")

        async def settled() -> bool:
            status = (await client.http.get("/status")).json()
            return not any(status["queue"].values()) and not status["index"]["waiting_changes"]

        if await self._until(settled, _SETTLE_SECONDS):
            return True
        waiting = (await client.http.get("/api/v1/jobs", params={"limit": 20})).json()["items"]
        left = [
            f"{one['name']} is {one['state']}: {one['message']}, {one['reason']}"
            for one in waiting
            if one["state"] not in {"done", "failed", "cancelled"}
        ]
        status = (await client.http.get("/status")).json()
        self.failures.append(f"not settled after {_SETTLE_SECONDS:g} s: {left or status}")
        return False

    def _learn(self, seen: Look) -> None:
        contents, now = self.model.contents, time.monotonic()
        stored = {one.name: one for one in seen.documents}
        for name in list(self.model.names):
            if (one := stored.get(name)) is None:
                self.model.settled(name, None, None, now)
                continue
            newest, shown = (contents.get(found or "") for found in (one.newest_hash, one.current_hash))
            self.model.settled(name, newest, shown, now)
            self.model.names[name].document, self.model.names[name].job = one.id, one.newest

    # --- small things

    def _client(self) -> Client:
        found = Client(self.server.address, self.server.key, self.model, self._desk, self.failures, self._conversations)
        found.disk_fails = lambda: self._disk_failed
        return found

    async def _close(self, client: Client) -> None:
        await client.close()
        self._counts.answers.update(client.answers)

    async def _until(self, condition: Callable[[], bool | Awaitable[bool]], seconds: float) -> bool:
        """Whether it came true in time."""
        end = time.monotonic() + seconds
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return True
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.05)


def describe(histogram: Mapping[tuple[Call, Part], int]) -> str:
    return ", ".join(f"{call.name.lower()} {part.name.lower()} {n}" for (call, part), n in sorted(histogram.items()))
