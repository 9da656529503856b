"""What the courses show, as rows: figures that differ from run to run, and what must not."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.dependencies.course import Course
from tests.faults.dependencies.load import WITHOUT_RETRY_AFTER, Kind, Sample

# After the time that is allowed, for the trial calls, which take a second or two, and for the next request.
_SLACK = 3.0


@dataclass(frozen=True, slots=True)
class Row:
    """One fault as it was seen.

    late: seconds beyond `allowed`, None when the service was never whole again. healed: when.
    """

    name: str
    healed: float
    before: Sequence[Sample]
    broken: Sequence[Sample]
    after: Sequence[Sample]
    changed: float | None
    back: float | None
    allowed: float
    late: float | None
    within: float | None
    heals_itself: bool

    @property
    def samples(self) -> list[Sample]:
        return [*self.before, *self.broken, *self.after]

    def failed(self, *kinds: Kind) -> list[Sample]:
        return [sample for sample in self.samples if sample.kind in kinds and sample.failed]

    def broken_streams(self) -> list[Sample]:
        """Those whose model had begun to speak: what was shown cannot be taken back."""
        return [sample for sample in self.failed(Kind.STREAM) if sample.tokens]

    def misses(self) -> list[str]:
        """What is not as it must be."""
        silent = [sample for sample in self.failed(Kind.STREAM) if not sample.tokens]
        bad = [*self.failed(Kind.SEARCH, Kind.ANSWER), *silent]
        found = [f"{sample.kind} failed: {sample.code}" for sample in bad]
        streams = [sample for sample in self.samples if sample.kind is Kind.STREAM]
        found += [f"a stream had {one.last_events} last events" for one in streams if one.last_events != 1]
        found += [f"{one.kind} before it: {one}" for one in self.before if not one.is_whole]
        found += [f"a change got {one.code}" for one in self.failed(Kind.CHANGE) if not _is_clear(one.code)]
        if self.back is None:
            found.append("the service was never whole again")
        elif self.late is not None and self.late > _SLACK:
            found.append(f"whole again {self.back:.1f} s after it was healed, {self.late:.1f} s too late")
        return found


def _is_clear(code: str) -> bool:
    """A refusal that says what is wrong and when to try again."""
    return code.startswith(("503 ", "507 ")) and not code.endswith(WITHOUT_RETRY_AFTER)


def row_of(course: Course) -> Row:
    def phase(sample: Sample) -> int:
        if sample.ended < course.broke or (sample.began < course.broke and sample.is_whole):
            return 0
        return 1 if sample.began < course.healed else 2

    phases = [[one for one in course.samples if phase(one) == number] for number in range(3)]
    lesser = [one.ended for one in course.samples if one.ended >= course.broke and not one.is_whole]
    itself = course.fault.heals is None
    healed = course.broke if itself else course.healed
    back = None if course.whole is None else course.whole - healed
    period = max(course.period, course.due - healed)
    allowed = period if course.fault.within is None else course.fault.within
    return Row(
        name=course.fault.name,
        healed=course.healed,
        before=phases[0],
        broken=phases[1],
        after=phases[2],
        changed=min(lesser) - course.broke if lesser else None,
        back=back,
        allowed=allowed,
        late=None if back is None else back - allowed,
        within=course.fault.within,
        heals_itself=itself,
    )


STABLE = (
    "what breaks",
    "failed searches",
    "searched by",
    "failed answers",
    "mode of the answers",
    "streams that broke off",
    "changes",
    "whole again",
)


def stable(row: Row) -> tuple[str, ...]:
    """The cells under `STABLE`."""
    # What was still under way when all was well again may have got either.
    during = [sample for sample in row.broken if sample.ended < row.healed]
    answers = [one for one in during if one.kind in {Kind.ANSWER, Kind.STREAM} and not one.failed]
    modes = {one.mode + ("" if one.kept else ", not kept") for one in answers}
    if len(modes) > 1:
        modes.discard("full")  # until the breaker opened: some on one machine, none on a slower one
    searched = sorted({one.searched for one in during if one.kind is Kind.SEARCH and not one.failed})
    silent = sum(not one.tokens for one in row.failed(Kind.STREAM))
    return (
        row.name,
        str(len(row.failed(Kind.SEARCH))),
        ", ".join(searched),
        str(len(row.failed(Kind.ANSWER)) + silent),
        ", ".join(sorted(modes)),
        _codes(row.broken_streams()),
        _statuses(row.failed(Kind.CHANGE)),
        _within(row),
    )


def _codes(samples: Iterable[Sample]) -> str:
    return ", ".join(sorted({f"`{sample.code}`" for sample in samples}))


def _statuses(samples: Iterable[Sample]) -> str:
    """Without the codes: which one it is depends on which write fails first."""
    return ", ".join(sorted({sample.code.split()[0] for sample in samples}))


def _within(row: Row) -> str:
    if row.back is None:
        return "no"
    if row.late is not None and row.late > _SLACK:
        return "late"
    if row.within is None:
        return "within one period of its breaker"
    return f"within {row.within:g} s{', by itself' if row.heals_itself else ''}"


MEASURED = (
    "what breaks",
    "requests before, broken, after",
    "failed",
    "answers by mode, while broken",
    "longest search, answer",
    "noticed after",
    "whole again after, of what is allowed",
)


def measured(row: Row) -> tuple[str, ...]:
    """The cells under `MEASURED`."""
    sent = [[one for one in part if one.kind is not Kind.SIGN] for part in (row.before, row.broken, row.after)]
    failed = Counter(f"{one.kind} {one.code}" for one in row.samples if one.failed)
    answers = [one for one in row.broken if one.kind in {Kind.ANSWER, Kind.STREAM} and not one.failed]
    return (
        row.name,
        ", ".join(str(len(part)) for part in sent),
        _counted(failed),
        _counted(Counter(one.mode for one in answers)),
        f"{_longest(row, Kind.SEARCH):.2f} s, {_longest(row, Kind.ANSWER):.2f} s",
        "" if row.changed is None else f"{row.changed:.2f} s",
        "never" if row.back is None else f"{row.back:.1f} s of {row.allowed:.1f} s",
    )


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _longest(row: Row, kind: Kind) -> float:
    return max((one.seconds for one in row.samples if one.kind is kind), default=0.0)
