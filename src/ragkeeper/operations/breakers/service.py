"""Looking at breakers and setting them by hand; both for administrators."""

from ragkeeper.core.access import Caller
from ragkeeper.identity.audit.service import AuditService
from ragkeeper.operations.breakers.errors import BreakerUnknown
from ragkeeper.providers.resilience.board import Board
from ragkeeper.providers.resilience.models import Act, ProviderState


class BreakerService:
    def __init__(self, board: Board, audit: AuditService) -> None:
        self._board = board
        self._audit = audit

    async def states(self, caller: Caller) -> list[ProviderState]:
        """Raises Forbidden."""
        caller.require_admin("look at breakers")
        return await self._board.states()

    async def act(self, caller: Caller, name: str, what: Act, reason: str) -> list[ProviderState]:
        """name: `provider:operation`, or a provider for all of its breakers. Returns their states afterwards.

        Raises Forbidden, BreakerUnknown, and what recording raises: nothing is changed then.
        """
        caller.require_admin("set a breaker by hand")
        found = self._board.find(name)
        if not found:
            known = ", ".join(guard.key.name for guard in self._board.guards()) or "none, no model provider is set"
            raise BreakerUnknown(name=name, known=known)
        for guard in found:
            before = guard.breaker.state.value
            await self._audit.record(caller, f"breaker_{what.value}", guard.key.name, before=before, reason=reason)
            await guard.act(what)
        return [await guard.state() for guard in found]
