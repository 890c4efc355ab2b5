"""An answer that was kept is the one that would be computed now, whatever has been published since, in whatever order."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantd.api.app import make_app
from quantd.api.server.kept import KEPT
from quantd.config.model import ApiSettings
from quantd.model import Bar
from quantd.stats.bars import lengthen
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import DAY, HOUR, MINUTE, SECOND, timeframe
from tests.api.serving import ApiServer
from tests.unit.services.rig import Rig, Told, rig, trade

PAST = {symbol: fakes.bars(3 * 1_440, symbol=symbol, seed=seed, start=START - 3 * DAY) for seed, symbol in enumerate("ABG")}
QUESTIONS = (
    "/analytics/pair?pair=A-B&tf=1s&window=3",
    "/analytics/pair?pair=A-B&tf=1m&window=4&regression=kalman",
    "/analytics/pair?pair=a-b&tf=1m&window=4&regression=kalman",
    "/analytics/zscore?pair=A-B&tf=5m&window=3&zscore=ewma",
    "/analytics/adf?pair=A-B&tf=1m&window=4",
    "/analytics/correlation?pair=A-G&tf=15m&window=5",
    "/data/A?tf=1s&limit=9",
    "/data/A?tf=1m",
    f"/data/A?tf=1m&from={START - HOUR}&to={START + 2 * MINUTE}",
    f"/data/A?tf=1m&from={START - 3 * HOUR}&to={START - HOUR}",
    f"/data/B?tf=1m&from={START - DAY - HOUR}&to={START - DAY}",
    "/data/B?tf=5m&limit=3",
    "/data/A?tf=1h&limit=30",
    "/data/G?tf=1m&limit=5",
    "/pairs",
)
Kind = Literal["trades", "late", "mended", "old", "rebuilt", "restored", "dropped", "pair", "pruned", "fails", "later"]
Change = tuple[Kind, int]
changes = st.lists(st.tuples(st.sampled_from(Kind.__args__), st.integers(0, 40)), min_size=1, max_size=8)  # type: ignore[attr-defined]


class Klines(Told):
    """Tells the past in minutes and hours, but for the time in which it is `down`."""

    past_timeframes = ("1m", "1h")
    down: bool = False

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        if self.down:
            raise OSError("no route")
        return [bar for bar in lengthen(PAST[symbol], timeframe("1m"), timeframe(every)) if start <= bar.ts < end]


class Flow:
    """What a test publishes on a rig: `second` is that of the next trade."""

    def __init__(self, at: Rig) -> None:
        self.at = at
        self.at.flow.feed = self.feed = Klines()
        self.second = 0

    async def change(self, kind: Kind, number: int) -> None:
        symbol = "AB"[number % 2]
        minute = START - (1 + number) * MINUTE
        at, history, recorder = self.at, self.at.history, self.at.runtime.outputs.recorder
        await recorder.write()
        match kind:
            case "trades":
                seconds = range(self.second, self.second + 1 + 3 * number)
                self.second = seconds.stop
                at.flow.process([trade(leg, second) for second in seconds for leg in "ABG" if (second + number) % 4 or leg == symbol])
            case "late":
                late = trade(symbol, max(0, self.second - 1 - number))
                at.flow.process([msgspec.structs.replace(late, id=late.id + 10_000, price=late.price + 1.0)])
            case "mended":
                history.put_bars([bar(symbol, minute, 1 + number)])
            case "old":
                history.amend([bar(symbol, minute - DAY, 1 + number)])
            case "rebuilt":
                rows = [bar(symbol, minute - HOUR, 1 + number), bar(symbol, minute - DAY, 1 + number)]
                history.amend(rows)
                recorder.bars(rows)  # which are written after the next questions
            case "restored":
                history.restore_bars([bar(symbol, minute - 2 * HOUR, 0)])
            case "dropped":
                at.services.symbols._bars.forget("G")
                at.runtime.drop_symbol("G")
            case "pair":
                if not at.runtime.drop_pair("B-A"):
                    at.runtime.watch_pair("B", "A")
            case "pruned":
                store = at.config.store
                await asyncio.to_thread(store.prune, minute + 364 * DAY)
                history.store_changed()
            case "fails":
                self.feed.down = not self.feed.down
            case "later":
                at.clock.advance_to(at.clock.now() + number * SECOND)


def bar(symbol: str, ts: int, revision: int) -> Bar:
    old = PAST[symbol][(ts - PAST[symbol][0].ts) // MINUTE % len(PAST[symbol])]
    return msgspec.structs.replace(old, ts=ts, close=old.close + revision / 8, high=old.high + 9.0, revision=revision)


async def told(session: ClientSession, server: ApiServer, path: str) -> tuple[int, bytes, str | None]:
    async with session.get(server.make_url(path)) as response:
        return response.status, await response.read(), response.headers.get("Link")


async def judged(at: Rig, script: Sequence[Change]) -> None:
    """Ask a server that keeps its answers and one that keeps none, after each change."""
    services: Any = at.services
    services.learn_symbols(["A", "B", "G"])
    flow = Flow(at)
    keeps, forgets = (ApiServer(make_app(services, ApiSettings())) for _ in range(2))
    async with keeps, forgets, ClientSession() as session:
        for kind, number in [*script, ("later", 0)]:
            await flow.change(kind, number)
            for question in QUESTIONS:
                first = await told(session, keeps, question)
                assert await told(session, keeps, question) == first, question
                forgets.app[KEPT].__init__()  # type: ignore[misc]
                services.analytics._answers.clear()
                services.market._bars._sufficient.clear()
                computed = await told(session, forgets, question)
                assert computed == first, question


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes)
def test_a_kept_answer_is_the_one_of_now(script: list[Change]) -> None:
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), START, store="local") as at:
        for symbol in "AB":
            at.history.put_bars(PAST[symbol][-90:])
            at.history.put_bars(lengthen(PAST[symbol][-90:], timeframe("1m"), timeframe("5m")))
        asyncio.run(judged(at, script))
