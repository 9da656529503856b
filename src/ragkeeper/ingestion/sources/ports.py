"""What keeping sources in step needs of others."""

from collections.abc import Awaitable, Callable

from ragkeeper.core.access import Caller
from ragkeeper.ingestion.sources.connectors.port import Connector
from ragkeeper.ingestion.sources.models import Source

Connect = Callable[[Source], Connector]
"""Makes the connector of a source; opens nothing yet. Raises SourceError when its location or options do not fit."""

Forget = Callable[[Source], Awaitable[None]]
"""Removes what the connector of a source has kept on disk, if anything."""

FindCaller = Callable[[str], Awaitable[Caller | None]]
"""Who a source was added by, with the rights they have now; None when they are gone."""
