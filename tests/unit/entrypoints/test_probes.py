import pytest

from ragkeeper.entrypoints.probes import worker_probe
from ragkeeper.operations.health.models import ComponentState


@pytest.mark.parametrize(
    ("error", "paused", "state", "code"),
    [
        (None, False, ComponentState.HEALTHY, ""),
        (None, True, ComponentState.DEGRADED, "reading_paused"),
        ("it broke", True, ComponentState.DEGRADED, "loop_failed"),
    ],
)
async def test_the_worker_says_that_it_fails_or_that_somebody_paused_it(
    error: str | None, paused: bool, state: ComponentState, code: str
) -> None:
    found = await worker_probe(lambda: {"parse": None, "embed": error}, lambda: paused)()
    assert (found.state, found.code) == (state, code)
