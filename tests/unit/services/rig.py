"""Services on the flows of a small config, with a feed that brings what a test tells it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

import quantd
from quantd.config.load import Loaded
from quantd.config.load import build as load
from quantd.model import Status, Tick
from quantd.plugin.feed_health import FeedHealth
from quantd.pool import BUDGET_S
from quantd.services.live.bundle import live_services
from quantd.services.live.calculator import make_pool
from quantd.state import State
from quantd.testing.bench import Bench, Venue
from quantd.testing.fakes import START, tick

PIPELINE = {"feed": "synthetic", "bars": {"use": "time", "every": ["1s", "1m", "5m"]}, "regression": {"use": "ols", "window": 10}}


class Told(Venue):
    """Streams what is put into `events`; the past of a symbol is there once `tell` is set. Every symbol has traded in each second of the
    minute before START."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tell = asyncio.Event()
        self.wanted: list[tuple[str, ...]] = []
        self.fetched: list[str] = []
        self.listed = ["A", "B", "G", "H"]
        self.lists: list[list[str]] = []
        """What comes first, each once."""
        self.shut: tuple[str, ...] = ()
        """Symbols whose markets are closed."""
        self.faults = 0
        """So often the list is not to be had."""
        self.fares = FeedHealth()

    def want(self, symbols: Sequence[str], channels: quantd.Channels) -> None:
        self.wanted.append(tuple(symbols))
        self.events.put_nowait([Status(START, healthy=True)])

    def is_closed(self, symbol: str) -> bool:
        return symbol in self.shut

    def health(self) -> FeedHealth:
        return self.fares

    async def fetch_symbols(self) -> list[str]:
        if self.faults:
            self.faults -= 1
            raise quantd.QuantdError("maintenance")
        return self.lists.pop(0) if self.lists else self.listed

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        self.fetched.append(symbol)
        await self.tell.wait()
        return [tick for number in range(-60, 0) if start <= (tick := trade(symbol, number)).ts < end]

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return []


def trade(symbol: str, second: int) -> Tick:
    """The one of that second, counted from START."""
    return tick(symbol, 1_000 + second, second * 1_000 + 100, 100.0 + second % (5 if symbol == "B" else 3))


class Rig(Bench):
    """The services, and what they stand on."""

    def __init__(self, loaded: Loaded, folder: Path, state: State, budget: float = BUDGET_S, *, now: int, warm: bool) -> None:
        self.feed = Told()
        config = msgspec.structs.replace(loaded.config, feeds={"synthetic": self.feed})
        super().__init__(config, folder, registry=loaded.registry, now=now, warm=warm, state=state)
        pool = make_pool(self.registry, "info", self.runtime.outputs.troubles, budget)
        self.state = state
        self.services = live_services(self.runtime, self.config, self.registry, self.clock, state, pool)


@contextmanager
def rig(
    folder: Path,
    now: int = START,
    *,
    warm: bool = False,
    zscore: Mapping[str, Any] | None = None,
    budget: float = BUDGET_S,
    exports: Sequence[Mapping[str, Any]] = (),
    alerts: Sequence[Mapping[str, Any]] = (),
    watched: Sequence[Mapping[str, Any]] = (),
    **top: Any,
) -> Iterator[Rig]:
    """A pair A-B of a feed that has nothing to tell yet, at `now` (ms) by the host's clock. `alerts` are its
    pipeline's, `watched` the config's."""
    pipeline = PIPELINE | {"zscore": zscore or {}, "exports": list(exports), "alerts": list(alerts)}
    loaded = load({"pairs": [{"A-B": "default"}], "feeds": {"synthetic": {}}, "alerts": list(watched), **top}, {"default": pipeline}, {})
    with State.open(folder / "state") as state:
        yield Rig(loaded, folder, state, budget, now=now, warm=warm)
