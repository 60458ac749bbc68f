"""The log on Redis Streams, for several gateways and consumers.

One stream a shard. Appending is one script, so an event is either in its stream with its id noted, or not taken at all.
A consumer owns whole shards by a lease (events of a match must stay in order, so a stream is never split) and reads
them as a member of the consumer group: what it has read and history does not have yet is pending, and whoever takes
the shard over claims it. Entries are acknowledged and trimmed once history has them, never before.

Redis must sync its append-only file at every write (`appendonly yes`, `appendfsync always`): otherwise an acknowledged
event may be lost in a crash of the machine. `durability` says what the server does.
"""

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import redis

from cs2_pipeline.live.log import (
    BURST,
    CLAIM_KEPT,
    FOREIGN,
    IDS_KEPT,
    MAX_ALL_LETTERS,
    MAX_LETTERS,
    SHARDS,
    TOO_MANY,
    Arrival,
    DeadLetter,
    LogUnavailableError,
    Submitted,
    shard_of,
)

PREFIX: Final = "cs2:live"
GROUP: Final = "consumers"
POLL: Final = 0.01
"""Seconds between two looks at streams in which nothing happens."""

_APPEND: Final = """
local new = {}
for i = 1, #ARGV, 5 do
    local fresh = redis.call('SET', ARGV[i + 4], '1', 'NX', 'EX', KEYS[1])
    if fresh then
        redis.call('XADD', ARGV[i + 3], '*', 'e', ARGV[i], 'm', ARGV[i + 1], 'b', ARGV[i + 2])
        new[#new + 1] = 1
    else
        new[#new + 1] = 0
    end
end
return new
"""
_READ: Final = """
local found = {}
for place, stream in ipairs(KEYS) do
    local entries = redis.call('XRANGE', stream, ARGV[3 + place], '+', 'COUNT', ARGV[3])
    if #entries > 0 then
        redis.pcall('XGROUP', 'CREATE', stream, ARGV[1], '0', 'MKSTREAM')
        redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', #entries, 'STREAMS', stream, '>')
    end
    found[place] = entries
end
return found
"""
"""What follows in each stream; it is noted as pending under the consumer's name in the same step."""
_DONE: Final = """
local before = redis.call('GET', KEYS[2])
if before and before >= ARGV[2] then return 0 end
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
repeat
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', ARGV[3], 1000)
    local ids = {}
    for place, one in ipairs(pending) do ids[place] = one[1] end
    if #ids > 0 then redis.call('XACK', KEYS[1], ARGV[1], unpack(ids)) end
until #ids < 1000
redis.call('SET', KEYS[2], ARGV[2])
return redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[4])
"""
"""Acknowledge, note and trim what history has. A position never goes back."""
_LEASE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
local own, free = {}, {}
for shard = 0, tonumber(ARGV[3]) - 1 do
    local owner = redis.call('GET', KEYS[1] .. shard)
    if owner == ARGV[1] then own[#own + 1] = shard elseif not owner then free[#free + 1] = shard end
end
local mine, share = {}, tonumber(ARGV[4])
for _, shard in ipairs(own) do
    if #mine < share then mine[#mine + 1] = shard else redis.call('DEL', KEYS[1] .. shard) end
end
for _, shard in ipairs(free) do if #mine < share then mine[#mine + 1] = shard end end
for _, shard in ipairs(mine) do redis.call('SET', KEYS[1] .. shard, ARGV[1], 'PX', ARGV[2]) end
return mine
"""
_CLAIM: Final = """
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
local next = '0-0'
repeat
    next = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, next, 'COUNT', 1000, 'JUSTID')[1]
until next == '0-0'
"""
"""What the owner before has read and history does not have becomes pending under the new owner's name."""
_RELEASE: Final = """
for shard = 0, tonumber(ARGV[2]) - 1 do
    if redis.call('GET', KEYS[1] .. shard) == ARGV[1] then redis.call('DEL', KEYS[1] .. shard) end
end
return redis.call('ZREM', KEYS[2], ARGV[1])
"""
_TENANT: Final = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 86400)
local answers = {}
for place = 5, #ARGV do
    local key = ARGV[1] .. ARGV[place]
    local tenant = redis.call('GET', key)
    if tenant and tenant ~= ARGV[2] then
        answers[#answers + 1] = 1
    elseif not tenant and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
        answers[#answers + 1] = 2
    else
        if not tenant then redis.call('ZADD', KEYS[1], now, ARGV[place]) end
        redis.call('SET', key, ARGV[2], 'EX', ARGV[4])
        answers[#answers + 1] = 0
    end
end
return answers
"""
_SPEND: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local due = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0')) + ARGV[1] / ARGV[2]
if due - now > tonumber(ARGV[3]) then return tostring(due - now - ARGV[3]) end
redis.call('SET', KEYS[1], string.format('%.6f', due), 'EX', math.ceil(ARGV[3]) + 1)
redis.call('INCRBY', KEYS[2], ARGV[1])
return '0'
"""
"""All gateways count in the one place, so a key gets its rate once, however many there are."""
_OWNERS: Final = [f"{PREFIX}:owner:", f"{PREFIX}:consumers"]
"""Key of a shard's owner without its number, and of those who own or ask for shards, by the end of their lease."""


class RedisLog:
    """The log in Redis.

    Args:
        url: `redis://[user:password@]host[:port][/database]`, or rediss://, or unix://.
    """

    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=3)
        self._where = _without_secret(url)
        self._append, self._read, self._done = map(self._redis.register_script, (_APPEND, _READ, _DONE))
        self._lease, self._claim, self._release = map(self._redis.register_script, (_LEASE, _CLAIM, _RELEASE))
        self._tenant, self._spend = map(self._redis.register_script, (_TENANT, _SPEND))
        self._name = "nobody"
        self._mine: set[int] = set()

    # Intake

    def append(self, events: Sequence[Submitted]) -> list[bool]:
        """See `EventLog`."""
        if not events:
            return []
        values: list[Any] = []
        for event in events:
            values += [event.event_id, event.match_id, event.body, _stream(shard_of(event.match_id)),
                       f"{PREFIX}:id:{event.event_id}"]  # fmt: skip
        with self._answering():
            return [bool(fresh) for fresh in self._append(keys=[str(IDS_KEPT)], args=values)]

    # Reading

    def read(self, after: Mapping[int, str], limit: int) -> list[Arrival]:
        """See `EventLog`."""
        if not after:
            return []
        starts = [f"({_id(position)}" if position else "-" for position in after.values()]
        with self._answering():
            streams = self._read(keys=[_stream(shard) for shard in after], args=[GROUP, self._name, limit, *starts])
        return [
            _arrival(shard, entry, dict(zip(fields[::2], fields[1::2], strict=True)))
            for shard, entries in zip(after, streams, strict=True)
            for entry, fields in entries
        ]

    def wait(self, seconds: float) -> None:
        """See `EventLog`."""
        time.sleep(min(seconds, POLL))

    def kept(self, match_id: str) -> list[Arrival]:
        """See `EventLog`."""
        shard = shard_of(match_id)
        with self._answering():
            found = [_arrival(shard, *entry) for entry in self._redis.xrange(_stream(shard))]
        return [arrival for arrival in found if arrival.match_id == match_id]

    def position(self, shard: int) -> str:
        """See `EventLog`."""
        with self._answering():
            found = self._redis.get(f"{PREFIX}:done:{shard}")
        return found.decode() if found else ""

    def done(self, positions: Mapping[int, str]) -> None:
        """See `EventLog`."""
        with self._answering():
            for shard, position in positions.items():
                if position:
                    self._done(
                        keys=[_stream(shard), f"{PREFIX}:done:{shard}"],
                        args=[GROUP, position, _id(position), _following(position)],
                    )

    def depth(self) -> dict[int, int]:
        """See `EventLog`: what history has is trimmed at once, so the rest is what it has not."""
        with self._answering():
            pipeline = self._redis.pipeline(transaction=False)
            for shard in range(SHARDS):
                pipeline.xlen(_stream(shard))
            return {shard: waiting for shard, waiting in enumerate(pipeline.execute()) if waiting}

    def trim(self) -> int:
        """See `EventLog`: `done` has trimmed already, unless it was interrupted."""
        gone = 0
        with self._answering():
            for shard in range(SHARDS):
                if position := self.position(shard):
                    gone += self._redis.xtrim(_stream(shard), minid=_following(position), approximate=False)
        return gone

    # Ownership

    def lease(self, consumer: str, share: int, seconds: float) -> set[int]:
        """See `EventLog`."""
        self._name = consumer
        with self._answering():
            mine = set(self._lease(keys=_OWNERS, args=[consumer, int(seconds * 1000), SHARDS, share]))
            for shard in mine - self._mine:
                self._claim(keys=[_stream(shard)], args=[GROUP, consumer])
        self._mine = mine
        return mine

    def release(self, consumer: str) -> None:
        """See `EventLog`."""
        with self._answering():
            self._release(keys=_OWNERS, args=[consumer, SHARDS])

    def consumers(self) -> int:
        """See `EventLog`."""
        with self._answering():
            seconds, microseconds = self._redis.time()
            return int(self._redis.zcount(_OWNERS[1], seconds * 1000 + microseconds // 1000, "+inf"))

    # Tenants

    def claim(self, matches: Collection[str], tenant: str, most: int) -> dict[str, str]:
        """See `EventLog`."""
        asked = list(matches)
        with self._answering():
            found = self._tenant(
                keys=[f"{PREFIX}:begun:{tenant}"], args=[f"{PREFIX}:tenant:", tenant, most, CLAIM_KEPT, *asked]
            )
        return {one: (FOREIGN, TOO_MANY)[why - 1] for one, why in zip(asked, found, strict=True) if why}

    def owners(self, matches: Collection[str]) -> dict[str, str]:
        """See `EventLog`."""
        asked = list(matches)
        with self._answering():
            found = self._redis.mget([f"{PREFIX}:tenant:{one}" for one in asked]) if asked else []
        return {one: tenant.decode() for one, tenant in zip(asked, found, strict=True) if tenant is not None}

    def spend(self, tenant: str, events: int, rate: float) -> float:
        """See `EventLog`; exact over all gateways. `used` tells what was counted."""
        with self._answering():
            keys = [f"{PREFIX}:due:{tenant}", f"{PREFIX}:used:{tenant}"]
            return float(self._spend(keys=keys, args=[events, rate, BURST]))

    def used(self, tenant: str) -> int:
        """Events of a tenant that were counted, ever."""
        with self._answering():
            return int(self._redis.get(f"{PREFIX}:used:{tenant}") or 0)

    # Dead letters

    def bury(self, letters: Iterable[DeadLetter]) -> None:
        """See `EventLog`."""
        letters = list(letters)
        with self._answering():
            pipeline = self._redis.pipeline()
            for letter in letters:
                body = letter.body.decode("latin-1")
                document = json.dumps([letter.id, letter.at, letter.reason, letter.match_id, body])
                pipeline.hset(f"{PREFIX}:dead", letter.id, document)
                pipeline.zadd(f"{PREFIX}:dead:{letter.match_id}", {letter.id: letter.at}, nx=True)
                pipeline.zadd(f"{PREFIX}:dead-by-time", {letter.id: letter.at}, nx=True)
            pipeline.execute()
            for match_id in {letter.match_id for letter in letters}:
                key = f"{PREFIX}:dead:{match_id}"
                for old in self._redis.zrange(key, 0, -MAX_LETTERS - 1):
                    self.forget(old.decode())
            for old in self._redis.zrange(f"{PREFIX}:dead-by-time", 0, -MAX_ALL_LETTERS - 1):
                self.forget(old.decode())

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """See `EventLog`."""
        with self._answering():
            names = self._redis.zrevrange(f"{PREFIX}:dead-by-time", 0, limit - 1)
            documents = self._redis.hmget(f"{PREFIX}:dead", names) if names else []
        return [_letter(document) for document in documents if document]

    def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """See `EventLog`."""
        with self._answering():
            document = self._redis.hget(f"{PREFIX}:dead", letter_id)
        return _letter(document) if document else None

    def forget(self, letter_id: str) -> None:
        """See `EventLog`."""
        letter = self.dead_letter(letter_id)
        with self._answering():
            self._redis.hdel(f"{PREFIX}:dead", letter_id)
            self._redis.zrem(f"{PREFIX}:dead-by-time", letter_id)
            if letter is not None:
                self._redis.zrem(f"{PREFIX}:dead:{letter.match_id}", letter_id)

    # The server

    def durability(self) -> str | None:
        """Why an acknowledged event might be lost in a crash of the server; None where it cannot."""
        with self._answering():
            try:
                found = self._redis.config_get("append*")
            except redis.ResponseError:
                return None  # managed servers do not let anybody ask
        if found.get("appendonly") == "yes" and found.get("appendfsync") == "always":
            return None
        return (
            "Redis does not sync every write (set `appendonly yes` and `appendfsync always`): events that were"
            " acknowledged may be lost when its machine crashes"
        )

    def close(self) -> None:
        """See `EventLog`."""
        self._redis.close()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise LogUnavailableError(f"Redis at {self._where} does not work: {error}") from error


def _stream(shard: int) -> str:
    return f"{PREFIX}:log:{shard}"


def _text(entry: str) -> str:
    """A stream's id as text that sorts as the ids do."""
    milliseconds, _, number = entry.partition("-")
    return f"{int(milliseconds):015d}-{int(number):010d}"


def _id(position: str) -> str:
    milliseconds, _, number = position.partition("-")
    return f"{int(milliseconds)}-{int(number)}"


def _following(position: str) -> str:
    """The first id after a position."""
    milliseconds, _, number = _id(position).partition("-")
    return f"{milliseconds}-{int(number) + 1}"


def _arrival(shard: int, entry: bytes, fields: dict[bytes, bytes]) -> Arrival:
    name = entry.decode()
    received = int(name.partition("-")[0]) / 1000
    return Arrival(shard, _text(name), received, fields[b"e"].decode(), fields[b"m"].decode(), fields[b"b"])


def _letter(document: bytes) -> DeadLetter:
    name, at, reason, match_id, body = json.loads(document)
    return DeadLetter(name, at, reason, match_id, body.encode("latin-1"))


def _without_secret(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
