import pytest

from ragkeeper.operations.health.models import ComponentState, ProbeResult
from ragkeeper.operations.health.rules import overall

H, D, U, N = (ProbeResult(state) for state in ComponentState)


@pytest.mark.parametrize(
    ("components", "status"),
    [
        ({"database": H, "llm_service": N}, ComponentState.HEALTHY),
        ({"database": H, "vector_db": U}, ComponentState.DEGRADED),
        ({"database": H, "llm_service": D}, ComponentState.DEGRADED),
        ({"database": U, "vector_db": H}, ComponentState.UNHEALTHY),
    ],
)
def test_only_the_truth_is_indispensable(components: dict[str, ProbeResult], status: ComponentState) -> None:
    assert overall(components) is status
