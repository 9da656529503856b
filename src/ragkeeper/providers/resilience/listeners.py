"""Changes of breakers in the log."""

import structlog

from ragkeeper.providers.resilience.models import BreakerKey, Outcome, State, Transition

_log = structlog.get_logger()


class LogListener:
    def changed(self, transition: Transition) -> None:
        key = transition.key
        log = _log.info if transition.after is State.CLOSED else _log.warning
        log(
            "circuit_breaker_changed",
            provider=key.provider,
            model=key.model,
            operation=key.operation,
            before=transition.before.value,
            after=transition.after.value,
            cause=transition.cause.value,
            reason=transition.reason,
        )

    def called(self, key: BreakerKey, outcome: Outcome, seconds: float) -> None:
        _log.debug("provider_called", name=key.name, outcome=outcome.value, seconds=round(seconds, 3))
