"""What `quantd top` knows of a daemon, and the screen that shows it."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from quantd.cli.screen import table
from quantd.client import AlertRow, LogRow, PointRow, QualityRow

if TYPE_CHECKING:
    from quantd.api.schema.figures import Nowcast
    from quantd.api.schema.wire import Health

_ALERTS, _LINES, _SYMBOLS = 5, 3, 8
_WELL = "live", "quiet", "closed"
_COLORS = {"healthy": "green", "degraded": "yellow", "down": "red"}
_OTHERS = 12
"""Lines of the screen that are not for pairs, without symbols and reasons."""


class View:
    """The newest state of everything. `now` is the monotonic time (s), which tells how old a row is."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connected = True
        self.health: Health | None = None
        self.quality: dict[str, QualityRow] = {}
        self.alerts: deque[AlertRow] = deque(maxlen=_ALERTS)
        self.lines: deque[LogRow] = deque(maxlen=_LINES)
        self._pairs: dict[tuple[str, str], PointRow | Nowcast] = {}
        self._changed: dict[tuple[str, str], tuple[str | None, float]] = {}
        """The time of each pair's last trade, and when it was first seen here."""

    @property
    def pairs(self) -> list[str]:
        """The names of the pairs."""
        return list(dict.fromkeys(pair for pair, _ in self._pairs))

    def put(self, row: "PointRow | Nowcast", now: float) -> None:
        """Take the state of a pair at a timeframe."""
        key = row.pair, row.every
        self._pairs[key] = row
        if self._changed.get(key, ("", 0.0))[0] != row.ts:
            self._changed[key] = row.ts, now

    def keep(self, rows: "Sequence[Nowcast]", now: float) -> None:
        """Take the state of all pairs, and drop those that there are no more."""
        self._pairs = {key: row for key, row in self._pairs.items() if key in {(each.pair, each.every) for each in rows}}
        for each in rows:
            self.put(each, now)

    def screen(self, height: int | None, now: float) -> Group:
        """Return what is shown on so many lines; everything if there is no limit."""
        reasons = self.health.reasons if self.health else []
        symbols = self._symbols()
        others = _OTHERS + symbols.row_count + len(reasons) + len(self.alerts) + len(self.lines)
        room = len(self._pairs) if height is None else max(3, height - others)
        parts: list[Any] = [self._headline(), *(Text(f"{each.what} {each.name}: {each.text}", style="yellow") for each in reasons)]
        for part in (self._feeds(), self._pair_table(room, now), symbols):
            parts += ["", part] if part.row_count else []
        if (hidden := len(self._pairs) - room) > 0:
            parts.append(Text(f"and {hidden} more", style="dim"))
        return Group(*parts, *self._alert_lines(), *self._log_lines())

    def _headline(self) -> Text:
        status = self.health.status if self.health else "?"
        line = Text.assemble((status, f"bold {_COLORS.get(status, 'white')}"), f"   {self.url}")
        return line if self.connected else line.append("   not connected: trying again", style="bold red")

    def _feeds(self) -> Table:
        made = table("feed", "state", "symbols", "warm", "trades", "refused", "last trade")
        for each in self.health.feeds if self.health else ():
            cells = each.symbols, each.warm, each.ticks, each.refused
            made.add_row(
                each.name, Text(each.state, "green" if each.state == "live" else "yellow"), *map(_count, cells), each.last_tick or "-"
            )
        return made

    def _pair_table(self, room: int, now: float) -> Table:
        made = table("pair", "every", "beta", "spread", "zscore", "corr", "age", "why")
        for key, row in list(self._pairs.items())[:room]:
            figures = _figure(row.beta), _figure(row.spread), _score(row.zscore), _figure(row.corr)
            ts, since = self._changed[key]
            made.add_row(row.pair, row.every, *figures, f"{now - since:.0f} s" if ts else "-", row.reason or "")
        return made

    def _symbols(self) -> Table:
        """Return the symbols that something is wrong with."""
        made = table("symbol", "state", "missing", "lost", "latency p99", "last trade")
        for each in [each for each in self.quality.values() if _is_unwell(each)][:_SYMBOLS]:
            p99 = "-" if each.latency_p99 is None else f"{each.latency_p99:.0f} ms"
            made.add_row(each.symbol, Text(each.state, "yellow"), _count(each.missing), _count(each.lost), p99, each.last_tick or "-")
        return made

    def _alert_lines(self) -> Iterator[Text]:
        if self.alerts:
            yield Text()
        for each in self.alerts:
            yield Text(f"{each.ts[11:19]} {each.state:8} {_plain(each.text)}", "bold" if each.state == "firing" else "dim", no_wrap=True)

    def _log_lines(self) -> Iterator[Text]:
        if self.lines:
            yield Text()
        for each in self.lines:
            yield Text(f"{each.ts[11:19]} {each.level} {_plain(each.text)}", "dim", no_wrap=True, overflow="ellipsis")


def _is_unwell(row: QualityRow) -> bool:
    return bool(row.missing or row.lost) or row.state not in _WELL


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"


def _count(value: int) -> str:
    return f"{value:,}"


def _score(value: float | None) -> Text:
    """Return a z-score, in a colour that tells how far it is from 0."""
    if value is None:
        return Text("-")
    size = abs(value)
    return Text(f"{value:+.2f}", "bold red" if size >= 3 else "red" if size >= 2 else "yellow" if size >= 1 else "")


def _plain(text: str) -> str:
    """Return a text without control characters, because some texts come from an exchange."""
    return "".join(filter(str.isprintable, text))
