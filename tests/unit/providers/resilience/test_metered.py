from ragkeeper.core.metrics import Metrics
from ragkeeper.providers.resilience.board import Board
from ragkeeper.providers.resilience.metered import MetricsListener
from ragkeeper.providers.resilience.models import Act, Cause, Outcome, State, Transition
from tests.unit.providers.resilience.stage import KEY, HandClock, calls, guard

LABELS = 'model="llama",operation="chat",provider="groq"'


def scraped(metrics: Metrics, name: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in metrics.scrape().decode().splitlines() if line.startswith(name + "{")]
    return {labels.removeprefix(name): float(value) for labels, _, value in lines}


async def test_the_state_is_a_gauge_from_the_start_and_follows_the_clock() -> None:
    metrics, board, clock = Metrics(), Board(), HandClock()
    MetricsListener(metrics, board)
    one = board.guard(KEY, lambda: guard(clock, per_minute=28))
    gauge = "rag_circuit_breaker_state"
    seen = list(scraped(metrics, gauge).values())
    await calls(one.breaker, *[Outcome.FAILURE] * 5)
    seen += scraped(metrics, gauge).values()
    clock.move(30)
    seen += scraped(metrics, gauge).values()
    await one.act(Act.CLOSE)
    seen += scraped(metrics, gauge).values()
    assert seen == [0, 1, 2, 0]
    await one.limit.take()
    assert scraped(metrics, "rag_rate_limit_remaining") == {'{provider="groq"}': 27}


async def test_changes_are_counted_from_nought() -> None:
    metrics = Metrics()
    listener = MetricsListener(metrics, Board())
    name = "rag_circuit_breaker_transitions_total"
    listener.begin(KEY)
    assert set(scraped(metrics, name).values()) == {0}
    listener.changed(Transition(KEY, State.CLOSED, State.OPEN, Cause.IN_A_ROW, "status 503"))
    listener.called(KEY, Outcome.SUCCESS, 1.0)
    counted = {labels: value for labels, value in scraped(metrics, name).items() if value}
    assert len(counted) == 1
    assert 'from="closed"' in next(iter(counted))
    assert 'to="open"' in next(iter(counted))
