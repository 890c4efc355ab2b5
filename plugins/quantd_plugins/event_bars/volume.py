"""Bars of a fixed volume."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

import quantd
from quantd.stats.decimals import exact


class VolumeBars(quantd.EventBars):
    """Bars that end with the trade that brings their volume to `size`; the excess is not carried over to the next bar."""

    size: Annotated[float, Meta(gt=0, description="Volume of a bar, in the base currency.")] = 100.0

    def __post_init__(self) -> None:
        self._sum = Decimal()
        self._size = exact(self.size)

    @property
    def label(self) -> str:
        return f"volume-{self.size:.15g}"

    def ends(self, tick: quantd.Tick) -> bool:
        self._sum += self._worth(tick)
        if self._sum < self._size:
            return False
        self._sum = Decimal()
        return True

    def _worth(self, tick: quantd.Tick) -> Decimal:
        return exact(tick.qty)


@quantd.hookimpl
def register_event_bars(register: quantd.Register[quantd.EventBars]) -> None:
    register("volume", VolumeBars)
