from ragkeeper.core.figures.holdings import SQL_SECONDS
from ragkeeper.core.metrics import HTTP_REQUESTS, HTTP_SECONDS, Metrics
from ragkeeper.operations.health.traffic import TrafficWatch


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def asked(metrics: Metrics, seconds: float, status: str = "200", path: str = "/api/v1/search", times: int = 1) -> None:
    for _ in range(times):
        metrics.count(HTTP_REQUESTS, method="GET", path=path, status=status)
        metrics.observe(HTTP_SECONDS, seconds, method="GET", path=path)


def test_figures_are_those_of_users_since_the_oldest_look() -> None:
    metrics, time, cpu = Metrics(), Time(), [(10.0, 100.0)]
    asked(metrics, 5.0, "500", times=50)  # before the first look
    watch = TrafficWatch(metrics.families, lambda: cpu[-1], time)
    watch.look()
    asked(metrics, 0.02, times=90)
    asked(metrics, 2.4, times=8)
    asked(metrics, 2.4, "500", "/chat")
    asked(metrics, 0.02, "404")
    asked(metrics, 4.0, "503", "/health", times=70)
    cpu.append((91.0, 200.0))
    time.now += 50
    now = watch.now()
    assert (now.requests, now.per_second, now.seconds) == (100, 2.0, 50.0)
    assert (now.error_share, now.refused_share) == (0.01, 0.01)
    assert now.p50 is not None
    assert now.p95 is not None
    assert now.p50 < 0.025
    assert 2 <= now.p95 <= 3
    assert now.cpu_share == 0.81


def test_the_time_of_statements_is_of_the_window_too() -> None:
    metrics, time = Metrics(), Time()
    metrics.observe(SQL_SECONDS, 9.0, kind="read")  # before the first look
    watch = TrafficWatch(metrics.families, lambda: None, time)
    watch.look()
    for _ in range(9):
        metrics.observe(SQL_SECONDS, 0.001, kind="read")
    metrics.observe(SQL_SECONDS, 0.2, kind="write")
    now = watch.now()
    assert now.sql_p95 is not None
    assert 0.1 < now.sql_p95 <= 0.25


def test_nothing_asked_is_no_figure_and_not_zero() -> None:
    watch = TrafficWatch(Metrics().families, lambda: None)
    watch.look()
    now = watch.now()
    assert (now.requests, now.per_second) == (0, 0)
    assert (now.p50, now.error_share, now.cpu_share) == (None, None, None)


def test_what_lies_before_the_window_is_no_longer_told() -> None:
    metrics, time = Metrics(), Time()
    watch = TrafficWatch(metrics.families, lambda: None, time)
    watch.look()
    asked(metrics, 0.1, "500", times=10)
    for _ in range(30):
        time.now += 15
        watch.look()
    assert watch.now().requests == 0
