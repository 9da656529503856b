import math
from dataclasses import dataclass, replace

from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics.servers import JobsDatabaseFigures, RedisFigures


@dataclass(frozen=True)
class Redis:
    memory: int = 1_500_000
    most_memory: int = 0
    clients: int = 3
    hits: int = 70
    misses: int = 30
    evicted: int = 1


@dataclass(frozen=True)
class Postgres:
    name: str = "jobs"
    bytes: int = 9_000_000
    connections: int = 4


def told(metrics: Metrics, *names: str) -> dict[str, float]:
    samples = [sample for family in metrics.families() for sample in family.samples]
    return {one.name: one.value for one in samples if one.name in names}


async def test_what_redis_says_is_told_under_the_names_of_its_exporter() -> None:
    metrics, now = Metrics(), [Redis()]

    async def use() -> Redis:
        return now[0]

    figures = RedisFigures(metrics, use)
    await figures.look()
    now[0] = replace(now[0], hits=90)
    await figures.look()
    expected = {
        "redis_memory_used_bytes": 1_500_000,
        "redis_memory_max_bytes": 0,
        "redis_connected_clients": 3,
        "redis_keyspace_hits_total": 90,
        "redis_keyspace_misses_total": 30,
        "redis_evicted_keys_total": 1,
    }
    assert told(metrics, *expected) == expected


async def test_nothing_is_said_of_a_redis_that_is_away() -> None:
    metrics, now = Metrics(), [Redis(), None]

    async def use() -> Redis | None:
        return now.pop(0)

    figures = RedisFigures(metrics, use)
    await figures.look()
    await figures.look()
    found = told(metrics, "redis_memory_used_bytes", "redis_connected_clients", "redis_keyspace_hits_total")
    assert math.isnan(found["redis_memory_used_bytes"])
    assert math.isnan(found["redis_connected_clients"])
    assert found["redis_keyspace_hits_total"] == 70


async def test_the_database_of_jobs_is_told_with_its_name_while_it_is_there() -> None:
    metrics, now = Metrics(), [Postgres(), None]

    async def use() -> Postgres | None:
        return now.pop(0)

    assert math.isnan(told(metrics, "pg_up")["pg_up"])
    figures = JobsDatabaseFigures(metrics, lambda: len(now) == 2, use)
    await figures.look()
    assert told(metrics, "pg_up") == {"pg_up": 1}
    await figures.look_at_use()
    sizes = {"pg_database_size_bytes": 9_000_000.0, "pg_stat_activity_count": 4.0}
    assert told(metrics, *sizes) == sizes
    await figures.look()
    await figures.look_at_use()
    assert told(metrics, "pg_up", *sizes) == {"pg_up": 0}
