"""The client for programs without asyncio: the same names, ordinary iterators. A thread of its own runs the loop.

with quantd.client.sync.connect("http://127.0.0.1:8000") as client:
    for item in client.points("BTCUSDT-ETHUSDT", every="1m"):
        print(item)
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from quantd.api.schema.rows import AlertRow, BarRow, BookRow, LogRow, PointRow, QualityRow, TradeRow
from quantd.client import client, stream
from quantd.client.connection import Address
from quantd.client.items import Hole, Lagged
from quantd.client.requests import Analytics

if TYPE_CHECKING:
    from quantd.api.schema.deliveries import DeliveryRow
    from quantd.api.schema.explain import ExplanationAnswer, PastRule
    from quantd.api.schema.figures import Nowcast
    from quantd.api.schema.rules import RuleRow
    from quantd.api.schema.silences import FiringRow, SilenceRow
    from quantd.api.schema.wire import Fired, Health, Rule
    from quantd.client.client import Since
    from quantd.client.stamps import When

T = TypeVar("T")
Row = TypeVar("Row")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="quantd-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work in the loop, and return its result. An interrupt of this thread cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Stream(Generic[Row]):
    """Yields what the stream of the same topic yields."""

    def __init__(self, loop: Loop, of: stream.Stream[Row]) -> None:
        self._loop = loop
        self._of = of

    @property
    def bookmark(self) -> str:
        """Where the stream stands: passed as `since`, in another run, it goes on behind the last item."""
        return self._of.bookmark

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row | Hole | Lagged:
        while (item := self._of.pop()) is None:
            if self._of.is_closed:
                raise StopIteration
            self._loop.run(self._of.fetch())
        return item

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the topic."""
        self._loop.run(self._of.aclose())


class States(Stream[Row]):
    """Yields states: only the newest matters, so there are neither holes nor lags."""

    def __next__(self) -> Row:
        return super().__next__()  # type: ignore[return-value]


class Client:
    """A client of one daemon, used as `with connect(…) as client`. See `quantd.client.Client`, whose names it has."""

    def __init__(self, of: "client.Client") -> None:
        self._of = of
        self._loop = Loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> Address:
        """Where the daemon is."""
        return self._of.address

    @property
    def is_connected(self) -> bool:
        """Whether every stream has its connection."""
        return self._of.is_connected

    def close(self) -> None:
        """End all streams and requests."""
        self._loop.run(self._of.close())
        self._loop.close()

    def trades(self, symbol: str, since: "Since | TradeRow" = None) -> Stream[TradeRow]:
        """Follow the trades of a symbol."""
        return Stream(self._loop, self._of.trades(symbol, since))

    def bars(self, symbol: str, every: str = "1m", since: "Since | BarRow" = None) -> Stream[BarRow]:
        """Follow the closed bars of a symbol, and later revisions of them."""
        return Stream(self._loop, self._of.bars(symbol, every, since))

    def points(self, pair: str, every: str = "1m", since: "Since | PointRow" = None) -> Stream[PointRow]:
        """Follow the points of a pair, and later revisions of them."""
        return Stream(self._loop, self._of.points(pair, every, since))

    def nowcasts(self, pair: str) -> States[PointRow]:
        """Follow the state of a pair at the last prices."""
        return States(self._loop, self._of.nowcasts(pair))

    def alerts(self, since: str | None = None) -> Stream[AlertRow]:
        """Follow the firings of alert rules, and their ends. `since` is a bookmark."""
        return Stream(self._loop, self._of.alerts(since))

    def books(self, symbol: str, every: str = "1s", since: str | None = None) -> Stream[BookRow]:
        """Follow the closed bars of a symbol's order book. `since` is a bookmark."""
        return Stream(self._loop, self._of.books(symbol, every, since))

    def log(self, since: str | None = None) -> Stream[LogRow]:
        """Follow the daemon's log. `since` is a bookmark."""
        return Stream(self._loop, self._of.log(since))

    def quality(self) -> States[QualityRow]:
        """Follow the quality of the symbols' data."""
        return States(self._loop, self._of.quality())

    def health(self) -> "States[Health]":
        """Follow the health of the daemon."""
        return States(self._loop, self._of.health())

    def symbols(self) -> list[str]:
        """Return the symbols of the config."""
        return self._loop.run(self._of.symbols())

    def pairs(self) -> "list[Nowcast]":
        """Return the pairs that are processed, each on each of its timeframes, at the last prices."""
        return self._loop.run(self._of.pairs())

    def current_health(self) -> "Health":
        """Return the health of the daemon, which `health` follows."""
        return self._loop.run(self._of.current_health())

    def current_quality(self) -> list[QualityRow]:
        """Return the quality of the symbols' data, which `quality` follows."""
        return self._loop.run(self._of.current_quality())

    def analytics(self, pair: str, every: str = "1m", window: int = 60, regression: str = "OLS", **more: Any) -> Analytics:
        """Return statistics of any two symbols."""
        return self._loop.run(self._of.analytics(pair, every, window, regression, **more))

    def recorded_bars(self, symbol: str, every: str = "1m", since: "When | None" = None, until: "When | None" = None) -> Iterator[BarRow]:
        """Yield the recorded bars of since <= ts < until, ascending."""
        return self._drained(self._of.recorded_bars(symbol, every, since, until))

    def recorded_points(self, pair: str, every: str = "1m", since: "When | None" = None, until: "When | None" = None) -> Iterator[PointRow]:
        """Yield the recorded points of since <= ts < until, ascending."""
        return self._drained(self._of.recorded_points(pair, every, since, until))

    def recorded_trades(self, symbol: str, since: "When | None" = None, until: "When | None" = None) -> Iterator[TradeRow]:
        """Yield the recorded trades of since <= ts < until, by id."""
        return self._drained(self._of.recorded_trades(symbol, since, until))

    def add_rule(self, metric: str, pair: str, op: str, value: float) -> "Rule":
        """Make an alert rule."""
        return self._loop.run(self._of.add_rule(metric, pair, op, value))

    def rules(self) -> "list[Rule]":
        """Return the alert rules made by request."""
        return self._loop.run(self._of.rules())

    def delete_rule(self, rule_id: str) -> None:
        """Delete an alert rule made by request."""
        self._loop.run(self._of.delete_rule(rule_id))

    def make_rule(self, of: str, when: str, **keys: Any) -> "RuleRow":
        """Make an alert rule in the full grammar, on a pair or symbol."""
        return self._loop.run(self._of.make_rule(of, when, **keys))

    def all_rules(self) -> "list[RuleRow]":
        """Return all alert rules, with their present states."""
        return self._loop.run(self._of.all_rules())

    def find_rule(self, rule_id: str) -> "RuleRow":
        """Return an alert rule by its id."""
        return self._loop.run(self._of.find_rule(rule_id))

    def drop_rule(self, rule_id: str) -> None:
        """Delete any alert rule that was made by request."""
        self._loop.run(self._of.drop_rule(rule_id))

    def fired(self, limit: int | None = None) -> "list[Fired]":
        """Return the latest firings, newest last."""
        return self._loop.run(self._of.fired(limit))

    def firings(self) -> "list[FiringRow]":
        """Return the alerts that fire now, oldest first."""
        return self._loop.run(self._of.firings())

    def deliveries(self, state: str | None = None, sink: str | None = None, limit: int = 100) -> "list[DeliveryRow]":
        """Return the latest messages to sinks, newest first: those that are `waiting`, `sent` or `dead`."""
        return self._loop.run(self._of.deliveries(state, sink, limit))

    def resend(self, keys: Sequence[str] | None = None) -> int:
        """Deliver dead messages again: those of these keys, or all. Return their number."""
        return self._loop.run(self._of.resend(keys))

    def silences(self) -> "list[SilenceRow]":
        """Return the silences, with what they mute now."""
        return self._loop.run(self._of.silences())

    def silence(self, match: str, lasts: str | None = None, until: "When | None" = None, **more: Any) -> "SilenceRow":
        """Mute what matches for a length of time, or until a time. `more` as in `quantd.client.Client.silence`."""
        return self._loop.run(self._of.silence(match, lasts, until, **more))

    def unsilence(self, silence_id: str) -> None:
        """End a silence."""
        self._loop.run(self._of.unsilence(silence_id))

    def acknowledge(self, firing_id: str, lasts: str = "1h", by: str = "", comment: str = "") -> "FiringRow":
        """Acknowledge a firing: nobody is reminded of it for so long."""
        return self._loop.run(self._of.acknowledge(firing_id, lasts, by, comment))

    def unacknowledge(self, firing_id: str) -> None:
        """End an acknowledgement."""
        self._loop.run(self._of.unacknowledge(firing_id))

    def explain(self, firing: str) -> "ExplanationAnswer":
        """Return what a rule saw when it fired, by the id of the firing, or of the rule for its latest firing."""
        return self._loop.run(self._of.explain(firing))

    def drawing(self, firing: str) -> str:
        """Return a drawing of a firing as SVG."""
        return self._loop.run(self._of.drawing(firing))

    def past_alerts(self, rule: str, of: str = "", every: str = "", last: str = "24h") -> "list[PastRule]":
        """Return when a rule, by its name or condition, would have fired over the record."""
        return self._loop.run(self._of.past_alerts(rule, of, every, last))

    def _drained(self, rows: AsyncIterator[Row]) -> Iterator[Row]:
        while (row := self._loop.run(_next(rows))) is not None:
            yield row


async def _next(rows: AsyncIterator[Row]) -> Row | None:
    return await anext(rows, None)


def connect(url: str | None = None, token: str | None = None, **options: Any) -> Client:
    """Return a client of the daemon at this address. See `quantd.client.connect`."""
    return Client(client.connect(url, token, **options))
