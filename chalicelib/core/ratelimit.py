"""How often one caller may ask, counted in Redis, else by each process for itself.

Windows are fixed: one atomic increment decides, and says what is left and for how long. A
sliding window would cost a second trip to Redis for the same header fields, and a log of
requests an entry for each. What it costs: around the turn of a window a caller may have twice
the quota. Quotas guard capacity; what has to be guarded against guessing has locks of its own.

Each caller's windows turn at another instant, so that those who wait do not all come back at
once. Fields: draft-ietf-httpapi-ratelimit-headers-11.
"""

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import IPv6Address
from typing import TYPE_CHECKING
from zlib import crc32

from chalicelib.core.auth import Principal
from chalicelib.core.errors import TooManyRequests
from chalicelib.core.redis_link import RedisLink, redis_link
from chalicelib.core.settings import NO_LIMIT, settings
from chalicelib.core.views import View

if TYPE_CHECKING:
    from limits.storage import Storage

KEY_PREFIX = "previsto:requests"
MOST_KNOWN_ADDRESSES = 10_000
MOST_TALLIES = 10_000
STEPS = 1000


@dataclass(frozen=True)
class Policy:
    """So many requests in so many seconds.

    Attributes:
        name: As the header fields name it.
        quota: Requests in one window.
        seconds: Length of a window.
    """

    name: str
    quota: int
    seconds: int

    @property
    def step(self) -> int:
        """How many requests a process counts before it tells Redis."""
        return 1 + self.quota // STEPS


@dataclass(frozen=True)
class Standing:
    """What a caller has left under a policy; below zero when they asked too often."""

    policy: Policy
    left: int
    seconds: int


@dataclass(slots=True)
class Tally:
    """What a process knows of a caller's requests in one window."""

    window: int
    known: int
    untold: int


class OwnCounts:
    """What a process has counted by itself, where no Redis counts for all of them.

    The `limits` library has a storage in memory, too: it starts a thread for nearly every request.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def incr(self, key: str, seconds: int, amount: int) -> int:
        """Count more under a key; it is forgotten so many seconds after its first count."""
        now = time.monotonic()
        with self._lock:
            if len(self._counts) >= MOST_TALLIES:
                self._make_room(now)
            ends, count = self._counts.get(key, (now + seconds, 0))
            self._counts[key] = (ends, count + amount)
            return count + amount

    def _make_room(self, now: float) -> None:
        live = {key: kept for key, kept in self._counts.items() if kept[0] > now}
        # So many callers at once can only be held off before they come here.
        self._counts = live if len(live) <= MOST_TALLIES // 2 else {}


class RequestCounter:
    """Counts requests by policy and caller.

    A trip to Redis costs a quarter of what the cheapest answers do. So of large quotas each
    process tells a thousandth at once: a caller may have that much more, for each process.
    """

    def __init__(self, link: RedisLink | None) -> None:
        self._own = OwnCounts()
        self._tallies: dict[str, Tally] = {}
        self._lock = threading.Lock()
        self._link = link
        self._shared: Storage | None = None
        if link is not None:
            # Loading it takes a tenth of a second: not before the first request that is counted.
            from limits.storage import RedisStorage

            self._shared = RedisStorage(
                settings().cache_url,
                connection_pool=link.client.connection_pool,
                key_prefix=KEY_PREFIX,
            )

    def count(self, policy: Policy, caller: str, now: float) -> Standing:
        """Count one request.

        Args:
            policy: What it is measured by.
            caller: Who sent it.
            now: Seconds since the epoch.
        """
        elapsed = now + crc32(caller.encode()) % policy.seconds
        window, passed = int(elapsed // policy.seconds), elapsed % policy.seconds
        key = f"{policy.name}/{caller}"
        if self._shared is None:
            used = self._own.incr(f"{key}/{window}", policy.seconds, 1)
        else:
            used = self._count_here(policy, key, window) or self._tell(policy, key, window)
        return Standing(policy, policy.quota - used, math.ceil(policy.seconds - passed))

    def _count_here(self, policy: Policy, key: str, window: int) -> int:
        """How many there have been, as far as this process knows; 0 when it has to ask."""
        with self._lock:
            tally = self._tallies.get(key)
            if tally is None or tally.window != window or tally.untold + 1 >= policy.step:
                return 0
            tally.untold += 1
            return tally.known + tally.untold

    def _tell(self, policy: Policy, key: str, window: int) -> int:
        """Tell Redis what it has not been told, and learn what others have."""
        with self._lock:
            untold = 1 + self._take_untold(key, window)
        used = self._increment(f"{key}/{window}", policy.seconds, untold)
        with self._lock:
            if len(self._tallies) >= MOST_TALLIES:
                self._tallies.clear()
            # While Redis was asked, other threads may have counted on.
            self._tallies[key] = Tally(window, used, self._take_untold(key, window))
        return used

    def _take_untold(self, key: str, window: int) -> int:
        tally = self._tallies.pop(key, None)
        return tally.untold if tally and tally.window == window else 0

    def _increment(self, key: str, seconds: int, amount: int) -> int:
        link, shared = self._link, self._shared
        if link is None or shared is None:
            return self._own.incr(key, seconds, amount)
        return link.ask(
            lambda: shared.incr(key, seconds, amount),
            lambda: self._own.incr(key, seconds, amount),
        )


@cache
def request_counter() -> RequestCounter:
    """The counter of this process."""
    return RequestCounter(redis_link())


def count_request(view: View, principal: Principal | None, address: str) -> dict[str, str]:
    """Count one request by its caller: the principal, or the address of whoever is none.

    Returns:
        The header fields that say what is left; none where nothing is counted.

    Raises:
        TooManyRequests: Nothing is left; carries the fields as well.
    """
    caller = principal.subject if principal else network_of(address)
    now = time.time()
    counter = request_counter()
    found = [counter.count(policy, caller, now) for policy in _policies(view, principal)]
    if not found:
        return {}
    headers = {
        "RateLimit-Policy": ", ".join(
            f'"{s.policy.name}";q={s.policy.quota};w={s.policy.seconds}' for s in found
        ),
        "RateLimit": ", ".join(
            f'"{s.policy.name}";r={max(s.left, 0)};t={s.seconds}' for s in found
        ),
    }
    if any(standing.left < 0 for standing in found):
        wait = max(standing.seconds for standing in found if standing.left < 0)
        raise TooManyRequests(headers={"Retry-After": str(wait), **headers})
    return headers


def _policies(view: View, principal: Principal | None) -> Iterator[Policy]:
    """Of the caller in general, then of the endpoint; none where the former is switched off."""
    name = "principal" if principal else "address"
    general = settings().rate_limit_principal if principal else settings().rate_limit_address
    if general == NO_LIMIT or view.declared.unlimited:
        return
    yield read_policy(name, general)
    if view.declared.limit is not None:
        yield read_policy(view.declared.counted_as or view.run.__name__, view.declared.limit)


@cache
def read_policy(name: str, notation: str) -> Policy:
    """A policy written as `6000/minute`.

    Raises:
        ValueError: It is not written so.
    """
    from limits import parse

    found = parse(notation)
    return Policy(name, found.amount, found.get_expiry())


@lru_cache(MOST_KNOWN_ADDRESSES)
def network_of(address: str) -> str:
    """Whom an address stands for: itself, or of IPv6 the /64 that one home or server has."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"
