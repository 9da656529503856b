"""States and call logs that processes share in Redis. Each goes on with its own while Redis is away.

Redis's clock (TIME) is the one that processes have in common; each translates it to its own monotonic one when it reads
and when it writes, so that no time of a process ever jumps.
"""

import secrets
import time
from collections import defaultdict

from ragkeeper.providers.resilience.link import Away, Link, to_its_end
from ragkeeper.providers.resilience.local import WINDOW, LocalCalls, LocalStates
from ragkeeper.providers.resilience.models import BreakerKey, Record, Slot
from ragkeeper.providers.resilience.ports import Clock, Decide, Decision
from ragkeeper.providers.resilience.wire import decode, encode

# Of each round of tries one process gets its change through; so many never contend.
_TRIES = 20
# A state outlives the last process that knew it for a day, a held one too.
_KEPT_SECONDS = 86_400
_MICRO = 1_000_000

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2] "
_READ = (
    _NOW
    + """
local found = {string.format('%.0f', now)}
for i, name in ipairs(KEYS) do
  found[i + 1] = redis.call('GET', name)
  redis.call('EXPIRE', name, ARGV[1])
end
return found
"""
)
# Only where nobody else changed it: ARGV is what was read ('' for nothing), what it is to be, seconds to keep it.
_SWAP = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
# ARGV: slot, limit, within, window; times in microseconds. Calls that lie further ahead than anybody queues are of a
# clock that was set back since.
_RESERVE = (
    _NOW
    + """
local limit, within, window = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + window + within), '+inf')
local begin = now
if redis.call('ZCARD', KEYS[1]) >= limit then
  begin = math.max(now, redis.call('ZRANGE', KEYS[1], -limit, -limit, 'WITHSCORES')[2] + window)
end
if begin - now > within then return {0, string.format('%.0f', begin - now)} end
redis.call('ZADD', KEYS[1], string.format('%.0f', begin), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil((begin - now + 2 * window) / 1000))
return {1, string.format('%.0f', begin - now)}
"""
)
_REMOVE = "return redis.call('ZREM', KEYS[1], unpack(ARGV))"
# ARGV: window, then slots and how long ago each began. The calls of the last window, with how long ago they began.
_MEET = (
    _NOW
    + """
local window = tonumber(ARGV[1])
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], string.format('%.0f', now - ARGV[i + 1]), ARGV[i])
  redis.call('PEXPIRE', KEYS[1], math.ceil(2 * window / 1000))
end
local calls = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now - window), '+inf', 'WITHSCORES')
for i = 2, #calls, 2 do calls[i] = string.format('%.0f', now - calls[i]) end
return calls
"""
)


class SharedStates:
    """scope: who share their breakers; servers that call other addresses are none of them.

    What this process knows is never older than an exchange; while Redis is away it is what counts. Afterwards, and
    where Redis lost what it had, the record that changed more often is the one that goes on.
    """

    def __init__(self, link: Link, scope: str = "", clock: Clock = time.monotonic) -> None:
        self._link = link
        self._scope = scope
        self._clock = clock
        self._own = LocalStates(clock)
        self._keys: dict[BreakerKey, str] = {}
        link.join(self._exchange)

    def now(self) -> float:
        return self._clock()

    def peek(self, key: BreakerKey) -> Record:
        self._name(key)
        return self._own.peek(key)

    async def change(self, key: BreakerKey, decide: Decide[Decision]) -> tuple[Record, Record, Decision]:
        return await to_its_end(self._change(key, decide))

    async def _change(self, key: BreakerKey, decide: Decide[Decision]) -> tuple[Record, Record, Decision]:
        self._link.begin()
        try:
            async with self._link.turn:
                return await self._change_there(key, decide)
        except Away:
            return await self._own.change(key, decide)

    async def _change_there(self, key: BreakerKey, decide: Decide[Decision]) -> tuple[Record, Record, Decision]:
        name = self._name(key)
        for _ in range(_TRIES):
            at, stored = await self._link.ask(_READ, [name], _KEPT_SECONDS)
            now = self._clock()
            offset = int(at) / _MICRO - now
            before = self._known(key, decode(stored, offset, now))
            after, decision = decide(before, now)
            swap = [name], stored or b"", encode(after, offset), _KEPT_SECONDS
            if after == before or await self._link.ask(_SWAP, *swap):
                self._own.put(key, after)
                return before, after, decision
        raise Away

    def _known(self, key: BreakerKey, stored: Record) -> Record:
        own = self._own.peek(key)
        return own if own.epoch > stored.epoch else stored

    async def _exchange(self) -> None:
        """Learn what the others changed, and tell what only this process knows."""
        keys = dict(self._keys)
        if not keys:
            return
        at, *found = await self._link.tell(_READ, list(keys.values()), _KEPT_SECONDS)
        now = self._clock()
        offset = int(at) / _MICRO - now
        for (key, name), stored in zip(keys.items(), found, strict=True):
            record = decode(stored, offset, now)
            known = self._known(key, record)
            self._own.put(key, known)
            if known.epoch > record.epoch:
                await self._link.tell(_SWAP, [name], stored or b"", encode(known, offset), _KEPT_SECONDS)

    def _name(self, key: BreakerKey) -> str:
        if key not in self._keys:
            self._keys[key] = f"rag_breaker:{self._scope}:{key.provider}:{key.model}:{key.operation}"
        return self._keys[key]


class SharedCalls:
    """What this process reserves and gives back while Redis is away is told afterwards."""

    def __init__(self, link: Link, scope: str = "", clock: Clock = time.monotonic, window: float = WINDOW) -> None:
        self._link = link
        self._scope = scope
        self._clock = clock
        self._window = window
        self._own = LocalCalls(clock, window, iter(_draw, 0))
        self._untold: defaultdict[str, dict[int, float]] = defaultdict(dict)
        self._left: defaultdict[str, set[int]] = defaultdict(set)
        self._shown: set[str] = set()
        link.join(self._exchange)

    async def reserve(self, provider: str, limit: int, within: float) -> Slot:
        return await to_its_end(self._reserve(provider, limit, within))

    async def give_back(self, provider: str, slot: int) -> None:
        await to_its_end(self._give_back(provider, slot))

    def remaining(self, provider: str, limit: int) -> int:
        self._shown.add(provider)
        return self._own.remaining(provider, limit)

    async def _reserve(self, provider: str, limit: int, within: float) -> Slot:
        self._link.begin()
        try:
            async with self._link.turn:
                return await self._reserve_there(provider, limit, within)
        except Away:
            slot = await self._own.reserve(provider, limit, within)
            if slot.id is not None:
                self._untold[provider][slot.id] = self._clock() + slot.wait
            return slot

    async def _reserve_there(self, provider: str, limit: int, within: float) -> Slot:
        slot, was_away = _draw(), self._link.is_away
        times = int(within * _MICRO), int(self._window * _MICRO)
        try:
            given, wait = await self._link.ask(_RESERVE, [self._name(provider)], slot, limit, *times)
        except Away:
            if not was_away:
                # Redis may have given it all the same.
                self._left[provider].add(slot)
            raise
        seconds = int(wait) / _MICRO
        if not given:
            return Slot(seconds)
        self._own.enter(provider, self._clock() + seconds, slot)
        return Slot(seconds, slot)

    async def _give_back(self, provider: str, slot: int) -> None:
        await self._own.give_back(provider, slot)
        if self._untold[provider].pop(slot, None) is not None:
            return
        try:
            async with self._link.turn:
                await self._link.ask(_REMOVE, [self._name(provider)], slot)
        except Away:
            self._left[provider].add(slot)

    async def _exchange(self) -> None:
        for provider in self._own.providers() | self._left.keys() | self._shown:
            if left := tuple(self._left[provider]):
                await self._link.tell(_REMOVE, [self._name(provider)], *left)
                self._left[provider].difference_update(left)
            await self._meet(provider)

    async def _meet(self, provider: str) -> None:
        now, told = self._clock(), dict(self._untold[provider])
        lately = {slot: now - begin for slot, begin in told.items() if now - begin < self._window}
        words = [int(word) for slot, ago in lately.items() for word in (slot, ago * _MICRO)]
        found = await self._link.tell(_MEET, [self._name(provider)], int(self._window * _MICRO), *words)
        now = self._clock()
        for slot in told:
            self._untold[provider].pop(slot, None)
        calls = {int(slot): now - int(ago) / _MICRO for slot, ago in zip(found[::2], found[1::2], strict=True)}
        self._own.learn(provider, calls | self._untold[provider])

    def _name(self, provider: str) -> str:
        return f"rag_calls:{self._scope}:{provider}"


def _draw() -> int:
    """A number that no process draws twice; exact in what Redis counts with."""
    return secrets.randbits(52) + 1
