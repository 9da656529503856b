"""One fault from its beginning to its end: what was seen before it, while it lasted, and until all was well again."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.dependencies.faults import Fault
from tests.faults.dependencies.load import Kind, Load, Sample
from tests.faults.dependencies.scene import Programs, Scene, scene

BEFORE_SECONDS = 2.0
# So long nothing may be less than whole for the service to count as whole.
_STEADY_SECONDS = 2.5
_LONGEST = 90.0
_LOOK_EVERY = 0.25
# A call that was under way when a model was healed ends by then, its time limit: it may have failed all the same.
_LINGERS = 4.0
# A time of day that the server tells twice differs by less, in seconds.
_SAME = 0.5


@dataclass(frozen=True, slots=True)
class Course:
    """Times of `time.monotonic`. healed: when it began to be whole again where the server heals itself.

    period: seconds from when a provider was last left alone to when it was to be tried again, as the server said, and
    due: that time, both 0 where it was not; whole: None when it never was.
    """

    fault: Fault
    samples: Sequence[Sample]
    broke: float
    healed: float
    whole: float | None
    period: float
    due: float


async def run(fault: Fault, folder: Path, programs: Programs) -> Course:
    async with scene(folder, fault.needs, programs) as stage:
        address, key = str(stage.server.http.base_url), str(stage.server.http.headers["X-API-Key"])
        load = Load(address, key, changes=fault.needs.disk)
        watch = _Watch(fault, stage, load)
        async with load.running(), watch.running():
            await asyncio.sleep(BEFORE_SECONDS)
            await load.in_a_stream()
            broke = time.monotonic()
            await fault.breaks(stage)
            await _last(fault, load, broke)
            healed = time.monotonic()
            watch.ends = healed + _LINGERS
            if fault.heals is not None:
                await fault.heals(stage)
            whole = await _until_whole(load, broke, healed)
        if fault.heals is None:
            healed = whole or healed
        return Course(fault, tuple(load.samples), broke, healed, whole, watch.period, watch.due)


async def _last(fault: Fault, load: Load, broke: float) -> None:
    """For as long as it is to last, or until the server has noticed what it is to heal itself."""
    if fault.heals is not None:
        await asyncio.sleep(fault.seconds)
        return
    async with asyncio.timeout(_LONGEST):
        while not any(_is_lesser(one, broke) for one in load.samples):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(_LOOK_EVERY)


async def _until_whole(load: Load, broke: float, healed: float) -> float | None:
    """When the first whole reply came, of each kind that was less, and after which none was less.

    The slow stream says whether one was, but not when the first whole reply came: it takes too long itself.
    """
    while time.monotonic() < healed + _LONGEST:
        await asyncio.sleep(_LOOK_EVERY)
        lesser = [sample for sample in load.samples if _is_lesser(sample, broke)]
        since = max([healed, *(sample.began for sample in lesser)])
        kinds = {sample.kind for sample in lesser} - {Kind.STREAM} or {Kind.SEARCH, Kind.ANSWER}
        first = [
            min((one.ended for one in load.samples if one.kind is kind and one.began > since), default=None)
            for kind in kinds
        ]
        if time.monotonic() - since >= _STEADY_SECONDS and None not in first:
            return max(ended for ended in first if ended is not None)
    return None


def _is_lesser(sample: Sample, broke: float) -> bool:
    return not sample.is_whole and sample.ended > broke


class _Watch:
    """What the server itself says meanwhile, several times a second."""

    def __init__(self, fault: Fault, stage: Scene, load: Load) -> None:
        self._fault = fault
        self._stage = stage
        self._load = load
        self.ends = float("inf")
        self.due = 0.0
        self.period = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            if self._fault.within is None and time.monotonic() < self.ends:
                await self._look_at_breakers()
            if self._fault.told is not None:
                began = time.monotonic()
                mode = "missed" if await self._fault.told(self._stage, self._load) else "full"
                self._load.add(Sample(Kind.SIGN, began, time.monotonic(), mode=mode))
            await asyncio.sleep(_LOOK_EVERY)

    async def _look_at_breakers(self) -> None:
        breakers = await self._load.get("/admin/breakers")
        named = [one[field] for one in breakers for field in ("next_try", "paused_until") if one[field]]
        waits = [(datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds() for moment in named]
        next_try = time.monotonic() + max(waits, default=0.0)
        if next_try > max(self.due, time.monotonic()) + _SAME:
            self.due, self.period = next_try, max(waits)
