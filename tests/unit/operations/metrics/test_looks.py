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


def told(metrics: Metrics, name: str) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.scrape().decode())
    [family] = [one for one in families if one.name == name]
    return {sample.labels["collector"]: sample.value for sample in family.samples}


def failures(metrics: Metrics) -> dict[str, float]:
    return told(metrics, "rag_metrics_failures")


def ages(metrics: Metrics) -> dict[str, float]:
    return told(metrics, "rag_metrics_age_seconds")


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


async def test_one_that_hangs_is_counted_once_until_it_is_begun_anew():
    hanging, well, metrics = Source(), Source(), Metrics()
    hanging.gate.clear()
    hanging.fails = True
    looks = Looks(metrics, limit=0.01, monotonic=Time())
    looks.add("queue", hanging.look)
    looks.add("index", well.look)
    await looks.refresh()
    await looks.refresh()
    assert failures(metrics) == {"queue": 1, "index": 0}
    hanging.gate.set()
    await asyncio.sleep(0.01)
    assert failures(metrics) == {"queue": 1, "index": 0}
    await looks.refresh()
    assert failures(metrics) == {"queue": 2, "index": 0}


async def test_one_that_hangs_is_waited_for_once():
    hanging, metrics = Source(), Metrics()
    hanging.gate.clear()
    looks = Looks(metrics, limit=0.01)
    looks.add("queue", hanging.look)
    await looks.refresh()
    looks._limit = 60
    async with asyncio.timeout(30):
        await looks.refresh()
    assert hanging.taken == 1
    await looks.stop()


async def test_how_old_figures_are_is_told_while_they_cannot_be_looked_up():
    broken, well, hanging, metrics, time = Source(), Source(), Source(), Metrics(), Time()
    looks = Looks(metrics, limit=0.01, monotonic=time)
    for name, source in (("index", broken), ("queue", well), ("disks", hanging)):
        looks.add(name, source.look)
    await looks.refresh()
    broken.fails = True
    hanging.gate.clear()
    for _ in range(3):
        time.now += 100
        await looks.refresh()
    assert ages(metrics) == {"index": 300, "queue": 0, "disks": 300}
    broken.fails = False
    hanging.gate.set()
    await asyncio.sleep(0.01)
    await looks.refresh()
    assert ages(metrics) == {"index": 0, "queue": 0, "disks": 0}


async def test_what_was_never_looked_up_grows_old_from_the_start():
    metrics, time = Metrics(), Time()
    Looks(metrics, monotonic=time).add("queue", Source().look)
    time.now += 5
    assert ages(metrics) == {"queue": 5}


async def test_what_failed_slowly_is_tried_again_within_a_minute():
    source, time = Source(), Time()
    source.fails = True
    looks = Looks(Metrics(), monotonic=time)

    async def slow() -> None:
        time.now += 30
        await source.look()

    looks.add("queue", slow, 1)
    for now, taken in ((100, 1), (189, 1), (190, 2)):
        time.now = now
        await looks.refresh()
        assert source.taken == taken


async def test_it_looks_by_itself_until_it_is_stopped():
    source = Source()
    looks = Looks(Metrics())
    looks.add("queue", source.look)
    looks.start()
    await asyncio.sleep(0.01)
    assert source.taken == 1
    await looks.stop()
