import pytest

from ragkeeper.operations.health.models import ComponentState, ProbeResult
from ragkeeper.operations.health.rules import capabilities, overall

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


def test_capabilities_follow_the_parts_they_need() -> None:
    fine = dict.fromkeys(("database", "vector_db", "embedder", "llm_service"), ProbeResult(ComponentState.HEALTHY))
    unwell = ProbeResult(ComponentState.UNHEALTHY)

    def able(**changed: ProbeResult) -> list[str]:
        return [state.value for state in capabilities({**fine, **changed}).values()]

    assert list(capabilities(fine)) == ["retrieve", "generate", "ingest", "admin"]
    assert able() == ["ok"] * 4
    assert able(database=unwell) == ["down"] * 4
    assert able(vector_db=unwell) == ["down", "down", "degraded", "ok"]
    assert able(llm_service=unwell) == ["ok", "degraded", "ok", "ok"]
    assert able(llm_service=ProbeResult(ComponentState.NOT_CONFIGURED)) == ["ok"] * 4
    assert set(capabilities({}).values()) == {"down"}
