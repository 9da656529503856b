"""One job under way on DBOS: its steps run on our loop, and only what is noted of them on DBOS's."""

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.jobs.errors import JobsUnavailable, StepFailed
from ragkeeper.jobs.port import Json

_log = structlog.get_logger()
_T = TypeVar("_T")


@dataclass(slots=True)
class Run:
    job_id: str
    dbos: Any
    theirs: asyncio.AbstractEventLoop
    ours: asyncio.AbstractEventLoop
    context: contextvars.Context  # says to DBOS which job a step belongs to

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        attempt = _Attempt(work)
        noted = self.context.run(asyncio.run_coroutine_threadsafe, self._noted(name, attempt), self.theirs)
        try:
            found = await asyncio.wrap_future(noted)
        except asyncio.CancelledError:
            await attempt.end()
            raise
        except _NotNoted:
            # All that is known of an earlier attempt is that it could not be noted; neither will this one be.
            found = await attempt.run()
        except (DBAPIError, JobsUnavailable) as error:
            # Whatever was done is done again: nothing says that it was. The job stays under way, and is taken up soon.
            _log.warning("step_not_noted", job=self.job_id, step=name, reason=_words(error))
            raise asyncio.CancelledError from error
        if "result" in found:
            result: Json = found["result"]
            return result
        raise attempt.error or StepFailed.again(found["code"], found["message"])

    async def _noted(self, name: str, attempt: "_Attempt") -> Any:
        """On DBOS's loop: what was noted before, or what the attempt comes to."""

        async def made() -> Json:
            return await on_loop(self.ours, attempt.run())

        return await self.dbos.run_step_async({"name": name}, made)


class _Attempt:
    """The work of one step, on our loop."""

    def __init__(self, work: Callable[[], Awaitable[Json]]) -> None:
        self.error: Exception | None = None
        self._work = work
        self._task: asyncio.Task[Json] | None = None
        self._ended = False

    async def run(self) -> Json:
        if self._ended:
            raise asyncio.CancelledError
        # Shielded: it is cancelled by `end` alone, once, so that it can tidy up.
        self._task = asyncio.ensure_future(self._outcome())
        return await asyncio.shield(self._task)

    async def end(self) -> None:
        """Its work has let go on return."""
        self._ended = True
        if self._task is not None:
            await end_all([self._task])

    async def _outcome(self) -> Json:
        try:
            return {"result": await self._work()}
        except (OperationalError, JobsUnavailable) as error:
            # A locked or failing database may work again in a moment: not the step's outcome.
            _log.warning("step_cut_off", reason=_words(error))
            raise asyncio.CancelledError from error
        except RagkeeperError as error:
            self.error = error
            return {"code": error.code, "message": error.message}
        except Exception as error:  # noqa: BLE001 - noted, so that a job that is taken up again meets it again
            self.error = error
            return {"code": "internal_error", "message": f"{type(error).__name__} inside the server"}


async def on_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _T]) -> _T:
    """Run on another thread's loop; cancelled there when it is cancelled here."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


async def end_all(tasks: Sequence[asyncio.Task[Json]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _words(error: DBAPIError | JobsUnavailable) -> str:
    return error.message if isinstance(error, RagkeeperError) else str(error.orig)


class _NotNoted(Exception):
    """What DBOS noted instead of a result: that it failed to note it."""


_ERROR: Final = "error that DBOS met"


class JsonSerializer:
    """Results as JSON: DBOS's own choice, pickle, would run what a forged file says."""

    def serialize(self, data: object) -> str:
        return json.dumps(data, default=lambda other: {_ERROR: repr(other)})

    def deserialize(self, serialized_data: str) -> Any:
        found = json.loads(serialized_data)
        return _NotNoted(found[_ERROR]) if isinstance(found, dict) and found.keys() == {_ERROR} else found

    def name(self) -> str:
        return "json"
