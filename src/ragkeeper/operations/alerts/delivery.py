"""How messages leave by one channel: one at a time, not too many, and again later where one did not arrive."""

import asyncio
import math
from collections.abc import Callable, Iterable

import structlog

from ragkeeper.core.clock import Clock
from ragkeeper.core.figures.holdings import ALERT_CHANNEL_OK
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.alerts.aside import Aside
from ragkeeper.operations.alerts.channels.port import Channel
from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Message, Notice, Sender, message
from ragkeeper.operations.alerts.telling import Told

_log = structlog.get_logger()

INTERVAL_SECONDS = 60.0
"""Between two messages of a channel, as in the Alertmanager that is exported; a new critical alert waits for none."""

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 30.0, 300.0
"""Until a message that did not arrive is sent again; each time twice as long as before."""


class Delivery:
    """One channel, what it was told, and when it may be used again."""

    def __init__(
        self, channel: Channel, metrics: Metrics, sender: Sender, clock: Clock, monotonic: Callable[[], float]
    ) -> None:
        self._channel = channel
        self._metrics = metrics
        self._sender = sender
        self._clock = clock
        self._monotonic = monotonic
        self._sending = asyncio.Lock()
        self._failures = 0
        self._not_before = -math.inf
        self._told_at = -math.inf
        self.told = Told()
        self.trouble = ""
        """What the last message failed with; empty where it arrived."""
        self.aside = Aside(f"alerts by {channel.name}")
        self._metrics.set(ALERT_CHANNEL_OK, 1, channel=channel.name)

    @property
    def name(self) -> str:
        return self._channel.name

    def tell(self) -> None:
        """Begin to send what waits, if it is time; returns at once."""
        if self._is_time() and self.told.news(self._clock()):
            self.aside.start(self._tell)

    async def send(self, sent: Message) -> None:
        """Raises NotDelivered, also where it did not reach everybody."""
        async with self._sending:
            refused = await self._send(sent)
        if refused:
            raise NotDelivered(channel=self.name, reason=refused)

    def _is_time(self) -> bool:
        now = self._monotonic()
        return now >= self._not_before and (self.told.urgent or now - self._told_at >= INTERVAL_SECONDS)

    async def _tell(self) -> None:
        """What arrived in part is not sent again: those that it reached would get it each time."""
        async with self._sending:
            news = self.told.news(self._clock())
            if not news:
                return
            try:
                await self._send(message(news, self._sender, self._clock()))
            except NotDelivered:
                return  # it waits until the next time
            self._told_at = self._monotonic()
            self.told.heard(news, self._clock())
        told_of = {"firing": _titles(news.firing), "over": _titles(news.over), "failed": len(news.failed)}
        _log.info("alerts_told", channel=self.name, **told_of)

    async def _send(self, sent: Message) -> str:
        """Returns whom it did not reach. Raises NotDelivered."""
        try:
            refused = await self._carried(sent)
        except NotDelivered as error:
            wait = min(FIRST_WAIT_SECONDS * 2**self._failures, LONGEST_WAIT_SECONDS)
            self._failures = min(self._failures + 1, 10)
            self._not_before = self._monotonic() + wait
            self._note(error.message, again_in=wait)
            raise
        self._failures, self._not_before = 0, -math.inf
        self._note(NotDelivered(channel=self.name, reason=refused).message if refused else "")
        return refused

    async def _carried(self, sent: Message) -> str:
        try:
            return await self._channel.send(sent)
        except NotDelivered:
            raise
        except Exception as error:  # one channel's fault is told, whatever it is
            _log.error("alert_channel_failed", channel=self.name, exc_info=error)
            # Its own words may hold an address or a password.
            raise NotDelivered(channel=self.name, reason=f"it failed with {type(error).__name__}") from error

    def _note(self, trouble: str, **facts: object) -> None:
        self.trouble = trouble
        self._metrics.set(ALERT_CHANNEL_OK, not trouble, channel=self.name)
        if trouble:
            _log.error("alert_not_delivered", channel=self.name, reason=trouble, **facts)


def _titles(notices: Iterable[Notice]) -> list[str]:
    return [one.alert.title for one in notices]
