"""Bars of a fixed turnover."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

import quantd
from quantd.stats.decimals import exact
from quantd_plugins.event_bars.volume import VolumeBars


class DollarBars(VolumeBars):
    """Bars that end with the trade that brings their turnover (price times volume) to `size`."""

    size: Annotated[float, Meta(gt=0, description="Turnover of a bar, in the quote currency.")] = 1_000_000.0

    @property
    def label(self) -> str:
        return f"dollar-{self.size:.15g}"

    def _worth(self, tick: quantd.Tick) -> Decimal:
        return exact(tick.price) * exact(tick.qty)


@quantd.hookimpl
def register_event_bars(register: quantd.Register[quantd.EventBars]) -> None:
    register("dollar", DollarBars)
