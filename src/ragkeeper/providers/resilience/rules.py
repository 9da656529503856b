"""How a breaker decides: each function takes a record and gives the next. No I/O, no clock, no chance.

States and rates are those of resilience4j (https://resilience4j.readme.io/docs/circuitbreaker), growing times open
those of Envoy's outlier detection.
"""

from dataclasses import replace

from ragkeeper.providers.resilience.models import (
    Act,
    BreakerPolicy,
    Cause,
    Ended,
    Outcome,
    Permit,
    Record,
    Refusal,
    State,
    Trial,
)

# When to ask again for a trial while all of them are under way.
_TRIAL_PAUSE = 1.0
# Times open grow no further than this, however long a provider is away.
_STEPS = 20


def state_at(record: Record, now: float) -> State:
    """What the record means now: an open breaker whose time is up is half-open, though no call came yet."""
    return State.HALF_OPEN if _is_due(record, now) else record.state


def refusal(record: Record, policy: BreakerPolicy, now: float) -> Refusal | None:
    """Whether a call would be refused now, without asking for leave."""
    found = admit(record, policy, now)[1]
    return found if isinstance(found, Refusal) else None


def admit(record: Record, policy: BreakerPolicy, now: float) -> tuple[Record, Permit | Refusal]:
    if record.state is State.CLOSED:
        return record, Permit(record.epoch)
    record = wait_over(record, now)
    if record.state is State.OPEN:
        return record, Refusal(record.opened, record.until)
    running = tuple(trial for trial in record.trials if now - trial.began < policy.trial_seconds)
    if len(running) >= policy.trials:
        return record, Refusal(record.opened, now + _TRIAL_PAUSE)
    trial = Trial(record.issued + 1, now)
    return replace(record, trials=(*running, trial), issued=trial.id), Permit(record.epoch, trial.id)


def wait_over(record: Record, now: float) -> Record:
    """Half-open once the time is up."""
    if not _is_due(record, now):
        return record
    return _changed(record, State.HALF_OPEN, now, Cause.WAITED, record.reason)


def settle(record: Record, policy: BreakerPolicy, permit: Permit, ended: Ended, now: float) -> Record:
    """A call has ended. What began before the last change of the state changes nothing any more."""
    if permit.epoch != record.epoch:
        return record
    if permit.trial is None:
        return record if ended.verdict is None else _opened(record, policy, ended.verdict, ended, now)
    return _settle_trial(record, policy, permit.trial, ended, now)


def act(record: Record, what: Act, now: float) -> Record:
    """By hand. Closing lets the breaker watch again from nothing; it does not keep it from opening."""
    if what is Act.OPEN:
        opened = now if record.state is State.CLOSED else record.opened
        return replace(_changed(record, State.OPEN, now, Cause.BY_HAND, ""), opened=opened, until=None)
    if what is Act.CLOSE:
        return replace(_changed(record, State.CLOSED, now, Cause.BY_HAND, ""), openings=0)
    return _changed(record, State.HALF_OPEN, now, Cause.BY_HAND, record.reason) if record.held else record


def _settle_trial(record: Record, policy: BreakerPolicy, trial: int, ended: Ended, now: float) -> Record:
    record = replace(record, trials=tuple(one for one in record.trials if one.id != trial))
    if ended.outcome is Outcome.FAILURE or _is_slow_again(record, ended):
        return _opened(record, policy, Cause.TRIAL_FAILED, ended, now)
    if ended.outcome is not Outcome.SUCCESS:
        return record
    passed = record.passed + 1
    if passed < policy.successes:
        return replace(record, passed=passed)
    return _changed(record, State.CLOSED, now, Cause.TRIALS_PASSED, "")


def _is_slow_again(record: Record, ended: Ended) -> bool:
    """A slow trial fails only where slowness was the trouble: a model may always be slow and well."""
    return ended.slow and ended.outcome is Outcome.SUCCESS and record.slow


def _opened(record: Record, policy: BreakerPolicy, cause: Cause, ended: Ended, now: float) -> Record:
    anew = record.state is State.CLOSED
    soon = not anew or now - record.since < policy.longest_open_seconds
    openings = record.openings + 1 if soon else 1
    wait = min(policy.open_seconds * policy.growth ** min(openings - 1, _STEPS), policy.longest_open_seconds)
    return replace(
        _changed(record, State.OPEN, now, cause, ended.reason or record.reason),
        opened=now if anew else record.opened,
        until=now + wait * (1 - policy.jitter * ended.draw),
        openings=openings,
        slow=cause is Cause.SLOW_CALLS if anew else record.slow,
    )


def _changed(record: Record, state: State, now: float, cause: Cause, reason: str) -> Record:
    return replace(
        record,
        state=state,
        since=now,
        until=None,
        epoch=record.epoch + 1,
        trials=(),
        passed=0,
        cause=cause,
        reason=reason,
    )


def _is_due(record: Record, now: float) -> bool:
    return record.state is State.OPEN and record.until is not None and now >= record.until
