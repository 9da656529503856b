from ragkeeper.core.telemetry import Stopwatch


def test_stages_add_up_and_the_total_covers_them() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("work"):
            sum(range(1000))
    watch.add("other", 1.5)
    timings = watch.timings()
    assert set(timings) == {"work", "other", "total"}
    assert timings["other"] == 1.5
    assert timings["total"] >= timings["work"] > 0
