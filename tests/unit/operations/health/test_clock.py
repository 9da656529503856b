import pytest

from ragkeeper.operations.health.clock import ClockWatch
from ragkeeper.operations.health.models import ComponentState


class Times:
    """The clock that can be set, and the one that cannot."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_800_000_000.0, 100.0
        self.watch = ClockWatch(lambda: self.wall, lambda: self.steady)
        self.watch.step()

    def go_on(self, seconds: float) -> None:
        for _ in range(int(seconds / 5)):
            self.wall += 5
            self.steady += 5
            self.watch.step()


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
async def test_a_clock_that_was_set_is_told_for_an_hour_or_until_it_is_set_right(seconds: float) -> None:
    times = Times()
    times.go_on(120)
    assert (await times.watch.probe()).state is ComponentState.HEALTHY
    times.wall += seconds
    times.go_on(3000)
    told = await times.watch.probe()
    assert (told.state, told.code) == (ComponentState.DEGRADED, "clock_set")
    assert told.reason == "it was set by 3600 s within the last hour"
    times.wall -= seconds
    assert (await times.watch.probe()).state is ComponentState.HEALTHY
    times.wall += seconds
    times.go_on(3700)
    assert (await times.watch.probe()).state is ComponentState.HEALTHY


async def test_a_clock_that_is_a_little_off_at_times_is_well() -> None:
    times = Times()
    for drift in (1.5, -1.0, 20.0):
        times.wall += drift
        times.go_on(60)
    assert (await times.watch.probe()).state is ComponentState.HEALTHY
    assert times.watch.step() == pytest.approx(20.5)
