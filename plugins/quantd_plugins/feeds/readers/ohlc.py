"""Bars as CSV: `ts,open,high,low,close,volume`, with `symbol` if there are several, and `every` if they are of several timeframes: then
those of the shortest are read."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import quantd
from quantd_plugins.feeds.readers.row import BAD_LINE, Row, milliseconds

PRICES = ("open", "high", "low", "close")
COLUMNS = frozenset({"ts", *PRICES, "volume"})
TIMEFRAMES = [
    quantd.timeframe(f"{count}{unit}") for unit, most in (("s", 59), ("m", 59), ("h", 23), ("d", 1)) for count in range(1, most + 1)
]


def columns_of(line: bytes) -> list[str]:
    """The column names of a header row, in lower case; `timestamp` is `ts` too."""
    names = [name.lower() for name in _split(line.removeprefix(b"\xef\xbb\xbf"))]
    return ["ts" if name == "timestamp" and "ts" not in names else name for name in names]


def _split(line: bytes) -> list[str]:
    return [field.strip(' "') for field in line.decode(errors="replace").strip().split(",")]


class OhlcParser:
    """Reads rows below a header row; `head` is the file's beginning, from the header row on."""

    def __init__(self, path: str, head: Sequence[bytes]) -> None:
        self._header = head[0]
        self._at = {name: index for index, name in enumerate(columns_of(head[0]))}
        self._symbol = _symbol(path)
        self._every = self._shortest(head[1:]) if "every" in self._at else None
        self._timeframe = quantd.timeframe(self._every) if self._every else _timeframe(path, list(self._openings(head[1:])))

    def __call__(self, line: bytes) -> Row | None:
        if line == self._header or line.isspace():
            return None
        fields = _split(line)
        if self._every and fields[self._at["every"]] != self._every:
            return None
        symbol, ts = self._key(fields)
        first, high, low, last = (float(fields[self._at[name]]) for name in PRICES)
        volume = float(fields[self._at["volume"]])
        if not (0 < low <= first <= high < math.inf and low <= last <= high and 0 <= volume < math.inf):
            raise ValueError("no bar")
        if ts <= 0 or self._timeframe.floor(ts) != ts:
            raise ValueError("not the opening of a bucket")
        bar = quantd.Bar(symbol, self._timeframe.name, ts, first, high, low, last, volume, None, None, None, "imported")
        return self._timeframe.end(ts), "bar", bar

    def _key(self, fields: Sequence[str]) -> tuple[str, int]:
        symbol = fields[self._at["symbol"]].upper() if "symbol" in self._at else self._symbol
        if not symbol:
            raise ValueError("no symbol")
        return symbol, milliseconds(fields[self._at["ts"]])

    def _shortest(self, lines: Iterable[bytes]) -> str | None:
        """The shortest timeframe that a row is of; the labels of bars that end with an event are none."""
        found: list[quantd.Timeframe] = []
        for line in lines:
            with suppress(*BAD_LINE):
                found.append(quantd.timeframe(_split(line)[self._at["every"]]))
        return min(found, key=lambda frame: frame.step).name if found else None

    def _openings(self, lines: Iterable[bytes]) -> Iterator[tuple[str, int]]:
        for line in lines:
            try:
                yield self._key(_split(line))
            except BAD_LINE:
                continue


def _symbol(path: str) -> str:
    """`BTCUSDT.csv`, `BTCUSDT-1m.csv.gz`, `BTCUSDT_1m_ohlcv_20260101.csv`: no symbol has a dash or a dot."""
    return re.split(r"[-.]|_\d+[smhd]_ohlcv", Path(path).name)[0].upper()


def _timeframe(path: str, openings: Sequence[tuple[str, int]]) -> quantd.Timeframe:
    """The one whose buckets open at all these times, and whose whole or shortest bucket is their smallest difference."""
    step = _smallest_step(openings)
    for frame in TIMEFRAMES:
        if step in (frame.step, frame.field % frame.step or frame.step) and all(frame.floor(ts) == ts for _, ts in openings):
            return frame
    seen = f"the smallest step of `ts` in it is {step} ms" if step else "no row comes after an earlier one of its symbol"
    raise quantd.QuantdError(f"replay: {path} is of no known timeframe: {seen}; give `ts` as the bars' opening times in ms, ascending")


def _smallest_step(openings: Iterable[tuple[str, int]]) -> int:
    """Between consecutive rows of a symbol, in ms; 0 if there is none."""
    before: dict[str, int] = {}
    steps = []
    for symbol, ts in openings:
        if ts > before.get(symbol, ts):
            steps.append(ts - before[symbol])
        before[symbol] = ts
    return min(steps, default=0)
