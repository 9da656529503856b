"""What a diagnosis finds, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

FEWEST_READINGS = 6
"""Of a memory, for a verdict: five after the warm-up."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """percent: of what may be used, over a second; count: processors that may be used; load of 1, 5 and 15 minutes.

    of_machine: all processors: the load counts whoever waits for any of them, outside of a container too.
    """

    percent: float
    count: float
    load_avg: tuple[float, float, float]
    of_machine: int


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes, of the container where it has less than the machine; swap_percent is 0 without swap space."""

    percent: float
    available: int
    total: int
    swap_percent: float


@dataclass(frozen=True, slots=True)
class FileSystem:
    """The file system of a path that is written to, in bytes, as `df` counts; 100 percent where the path is gone."""

    path: str
    percent: float
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Disk:
    """file_systems: of all paths that are written to, the data folder's first; bytes since the machine started."""

    file_systems: Sequence[FileSystem]
    read_bytes: int
    write_bytes: int


@dataclass(frozen=True, slots=True)
class Network:
    """Since the machine started, all devices together."""

    bytes_sent: int
    bytes_recv: int
    packets_sent: int
    packets_recv: int


@dataclass(frozen=True, slots=True)
class Host:
    cpu: Cpu
    memory: Memory
    disk: Disk
    network: Network


@dataclass(frozen=True, slots=True)
class Answer:
    """A search that was really made. seconds: None where none was answered, and `problem` says why.

    known_answer: whether it found the passage it was made from; None without any document. stages: seconds by name.
    """

    seconds: float | None
    health_seconds: float | None
    problem: str = ""
    known_answer: bool | None = None
    stages: Mapping[str, float] = field(default_factory=dict)

    @property
    def slowest(self) -> tuple[str, float] | None:
        return max(self.stages.items(), key=lambda stage: stage[1], default=None)


@dataclass(frozen=True, slots=True)
class SlowStatement:
    """text: without values; seconds: of all its slow runs together."""

    name: str
    text: str
    count: int
    seconds: float
    longest: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Seconds of the last hour; before: the 95th percentile of the day before that, None where nothing is known."""

    name: str
    count: int
    mean: float
    p95: float
    before: float | None


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the server itself knows. limit: seconds above which a statement is slow."""

    limit: float
    statements: Sequence[SlowStatement]
    stages: Sequence[Stage]


@dataclass(frozen=True, slots=True)
class Table:
    """indexes: their columns in order, by name; references: columns that refer to other tables."""

    name: str
    rows: int
    indexes: Mapping[str, Sequence[str]]
    references: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the database would do a slow statement, in its own words."""

    statement: str
    steps: Sequence[str]


@dataclass(frozen=True, slots=True)
class Database:
    """What its own tables say; problem: why it could not be looked at."""

    tables: Sequence[Table] = ()
    plans: Sequence[Plan] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Performance:
    """issues: what is beyond the limits of the guide; what else is worth a look, of stages and of indexes.

    remembered: None without a running server.
    """

    generated: datetime
    host: Host
    answer: Answer
    remembered: Remembered | None
    database: Database
    issues: Sequence[str]
    stage_advice: Sequence[str]
    index_advice: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory that only the server's processes have, in bytes; percent: of the machine's or container's."""

    at: datetime
    used: int
    percent: float
    processes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """leak, decreasing or stable, and how sure that is, from 0 to 1.

    Growth per hour in bytes, between low and high in 95 % of all cases; means of the two halves as the guide has them.
    """

    verdict: str
    confidence: float
    per_hour: float
    low: float
    high: float
    first_half: float
    second_half: float
    warm_up: int

    @property
    def growth_percent(self) -> float:
        return 100 * (self.second_half - self.first_half) / self.first_half if self.first_half else 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the server was at one moment: what may be behind growing memory.

    open_files: how many of each kind, sockets by whom they lead to; errors: answers of 500 and above so far.
    """

    open_files: Mapping[str, int]
    errors: float | None
    collector: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Allocation:
    """A line of code whose memory grew while it was traced."""

    line: str
    bytes: int
    count: int
