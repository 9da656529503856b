import pytest

from ragkeeper.operations.health.models import ComponentState, ProbeResult
from ragkeeper.operations.health.rules import capabilities, overall, without_passwords

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
        return [able.state.value for able in capabilities({**fine, **changed}).values()]

    assert list(capabilities(fine)) == ["retrieve", "generate", "ingest", "admin"]
    assert able() == ["ok"] * 4
    assert able(database=unwell) == ["down"] * 4
    assert able(vector_db=unwell) == ["degraded", "degraded", "degraded", "ok"]
    assert able(llm_service=unwell) == ["ok", "degraded", "ok", "ok"]
    assert able(llm_service=ProbeResult(ComponentState.NOT_CONFIGURED)) == ["ok"] * 4
    assert {able.state.value for able in capabilities({}).values()} == {"down"}
    assert capabilities({**fine, "vector_db": unwell, "embedder": unwell})["retrieve"].because == (
        "embedder",
        "vector_db",
    )


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("postgresql://rag:s3cret@db.local:5432/rag refused", "postgresql://rag:***@db.local:5432/rag refused"),
        ("redis://:s3cret@cache:6379/0", "redis://:***@cache:6379/0"),
        ("http://model.local:11434/v1 is away", "http://model.local:11434/v1 is away"),
    ],
)
def test_passwords_are_blotted_out_of_reasons(told: str, shown: str) -> None:
    assert without_passwords(told) == shown
