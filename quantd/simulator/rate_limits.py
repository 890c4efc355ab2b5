"""The exchange's limits: the usage of each client address, and the bans of those who exceed them."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass

from quantd.simulator.clock import Clock
from quantd.simulator.query import RestError
from quantd.simulator.scenario import Limits

MINUTE_MS = 60_000
CONNECTIONS_MS = 5 * MINUTE_MS
CLOSES_MS = 10 * MINUTE_MS
KEPT_VIOLATIONS = 10_000


@dataclass(frozen=True)
class Violation:
    """A limit that a client exceeded; `at` in ms since 1970."""

    at: int
    client: str
    limit: str
    detail: str


class RateLimits:
    """The usage of all clients. Weights count within the minutes of the exchange's clock, connections and closes within sliding windows."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.violations: deque[Violation] = deque(maxlen=KEPT_VIOLATIONS)
        self._limits = limits
        self._clock = clock
        self._minute = 0
        self.charged: Counter[str] = Counter()
        """The weight of each client's requests since the start, whether answered or refused."""
        self._used: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._upgrades: defaultdict[str, deque[int]] = defaultdict(deque)
        self._closes: defaultdict[str, deque[int]] = defaultdict(deque)
        self._bans: Counter[str] = Counter()
        self._banned_until: dict[str, int] = {}

    def used(self, client: str) -> int:
        """Return the weight that a client used in the current minute."""
        self._turn()
        return self._used[client]

    def weights(self) -> dict[str, int]:
        """Return the used weight of every client."""
        self._turn()
        return dict(self._used)

    def charge(self, client: str, weight: int) -> None:
        """Count a request. Raises RestError: 429 over the limit, 418 during a ban."""
        self.check_ban(client)
        self._turn()
        self._used[client] += weight
        self.charged[client] += weight
        limit = self._limits.weight_per_minute
        if self._used[client] <= limit:
            return
        self._refused[client] += 1
        self.note(client, "weight", f"{self._used[client]} of {limit} in a minute")
        if self._refused[client] >= self._limits.refusals_to_ban:
            self._ban(client)
            self.check_ban(client)
        wait = MINUTE_MS - self._clock.now_ms() % MINUTE_MS
        raise RestError(
            -1003, f"Too many requests; current limit of IP({client}) is {limit} requests per minute.", 429, retry_after=-(-wait // 1000)
        )

    def admit(self, client: str) -> None:
        """Count an upgrade to WebSocket. Raises RestError: 429 for too many, 418 during a ban."""
        self.check_ban(client)
        most, recent = self._limits.connections_per_5min, self._recent(self._upgrades[client], CONNECTIONS_MS)
        if recent > most:
            self.note(client, "connections", f"{recent} in 5 minutes, {most} are allowed")
            raise RestError(-1003, f"Too many connections; the limit of IP({client}) is {most} in 5 minutes.", 429)

    def talked_too_much(self, client: str) -> None:
        """Note that a connection was closed for too many messages. A client with several such closes is banned."""
        self.note(client, "messages", f"more than {self._limits.messages_per_s} in a second")
        if self._recent(self._closes[client], CLOSES_MS) >= self._limits.closes_to_ban:
            self._ban(client)

    def note(self, client: str, limit: str, detail: str) -> None:
        self.violations.append(Violation(self._clock.now_ms(), client, limit, detail))

    def check_ban(self, client: str) -> None:
        """Raise RestError with 418 during a ban."""
        until, now = self._banned_until.get(client, 0), self._clock.now_ms()
        if now < until:
            text = f"Way too many requests; IP({client}) banned until {until}."
            raise RestError(-1003, text, 418, retry_after=-(-(until - now) // 1000))

    def _ban(self, client: str) -> None:
        """Ban a client. Each further ban is twice as long as the one before."""
        seconds = min(self._limits.ban_s * 2 ** self._bans[client], self._limits.ban_most_s)
        self._bans[client] += 1
        self._banned_until[client] = self._clock.now_ms() + int(seconds * 1000)
        self.note(client, "ban", f"for {seconds:g} s")

    def _recent(self, times: deque[int], window_ms: int) -> int:
        """Add this moment. Return the number of times within the window."""
        now = self._clock.now_ms()
        times.append(now)
        while times[0] <= now - window_ms:
            times.popleft()
        return len(times)

    def _turn(self) -> None:
        minute = self._clock.now_ms() // MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
            self._refused.clear()
