import asyncio

from prometheus_client.parser import text_string_to_metric_families

from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics.looks import Looks


class Source:
    def __init__(self) -> None:
        self.taken = 0
        self.fails = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def look(self) -> None:
        self.taken += 1
        await self.gate.wait()
        if self.fails:
            raise OSError("gone")


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def failures(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.scrape().decode())
    [family] = [one for one in families if one.name == "rag_metrics_failures"]
    return {sample.labels["collector"]: sample.value for sample in family.samples}


async def test_a_look_is_good_for_its_seconds():
    source, time = Source(), Time()
    looks = Looks(Metrics(), monotonic=time)
    looks.add("index", source.look, 5)
    for now, taken in ((100, 1), (104, 1), (105, 2)):
        time.now = now
        await looks.refresh()
        assert source.taken == taken


async def test_a_slow_look_is_taken_less_often():
    source, time = Source(), Time()
    looks = Looks(Metrics(), monotonic=time)

    async def slow() -> None:
        await source.look()
        time.now += 1

    looks.add("documents", slow, 5)
    for now, taken in ((100, 1), (120, 1), (121, 2)):
        time.now = now
        await looks.refresh()
        assert source.taken == taken


async def test_one_that_fails_is_counted_and_the_others_go_on():
    broken, well, metrics = Source(), Source(), Metrics()
    broken.fails = True
    looks = Looks(metrics)
    looks.add("index", broken.look)
    looks.add("queue", well.look)
    await looks.refresh()
    assert well.taken == 1
    assert failures(metrics) == {"index": 1, "queue": 0}


async def test_one_that_hangs_holds_nobody_up_and_is_not_begun_anew():
    hanging, well = Source(), Source()
    hanging.gate.clear()
    looks = Looks(Metrics(), limit=0.01, monotonic=Time())
    looks.add("disks", hanging.look)
    looks.add("queue", well.look)
    await looks.refresh()
    await looks.refresh()
    assert (hanging.taken, well.taken) == (1, 2)
    hanging.gate.set()
    await looks.refresh()
    await looks.refresh()
    assert hanging.taken == 2
    await looks.stop()


async def test_it_looks_by_itself_until_it_is_stopped():
    source = Source()
    looks = Looks(Metrics())
    looks.add("queue", source.look)
    looks.start()
    await asyncio.sleep(0.01)
    assert source.taken == 1
    await looks.stop()
