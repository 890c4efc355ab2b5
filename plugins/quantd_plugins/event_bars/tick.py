"""Bars of a fixed number of trades."""

from typing import Annotated

from msgspec import Meta

import quantd


class TickBars(quantd.EventBars):
    """Bars of `count` trades."""

    count: Annotated[int, Meta(ge=1, description="Trades in a bar.")] = 1000

    def __post_init__(self) -> None:
        self._trades = 0

    @property
    def label(self) -> str:
        return f"tick-{self.count}"

    def ends(self, tick: quantd.Tick) -> bool:
        self._trades = (self._trades + 1) % self.count
        return self._trades == 0


@quantd.hookimpl
def register_event_bars(register: quantd.Register[quantd.EventBars]) -> None:
    register("tick", TickBars)
