"""Bars that end when one side has traded much more than the other."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

import quantd
from quantd.stats.decimals import exact


class ImbalanceBars(quantd.EventBars):
    """Bars that end when takers have bought, or sold, `size` more than the other way round: in trades, volume or money.

    The threshold is fixed (M. Lopez de Prado, Advances in Financial Machine Learning, 2018, 2.3.2, lets it follow an average of past bars,
    which is known to run away to ever longer or shorter ones). The side is the taker's, as the exchange tells it, not the tick rule's.
    """

    size: Annotated[float, Meta(gt=0, description="Surplus of one side that ends a bar.")] = 100.0
    of: Annotated[Literal["trades", "volume", "money"], Meta(description="What is weighed up.")] = "volume"

    def __post_init__(self) -> None:
        self._surplus = Decimal()
        self._size = exact(self.size)

    @property
    def label(self) -> str:
        return f"imbalance-{self.of}-{self.size:.15g}"

    def ends(self, tick: quantd.Tick) -> bool:
        worth = self._worth(tick)
        self._surplus += -worth if tick.buyer_maker else worth
        if abs(self._surplus) < self._size:
            return False
        self._surplus = Decimal()
        return True

    def _worth(self, tick: quantd.Tick) -> Decimal:
        if self.of == "trades":
            return Decimal(1)
        return exact(tick.qty) * exact(tick.price) if self.of == "money" else exact(tick.qty)


@quantd.hookimpl
def register_event_bars(register: quantd.Register[quantd.EventBars]) -> None:
    register("imbalance", ImbalanceBars)
