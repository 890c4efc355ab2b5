"""Bars of so much volume."""

from typing import Annotated

from msgspec import Meta

import quantd


class VolumeBars(quantd.EventBars):
    """Bars that end with the trade that brings their volume to `size`; what it has too much is not carried over."""

    size: Annotated[float, Meta(gt=0, description="Volume of a bar, in the base currency.")] = 100.0

    def __post_init__(self) -> None:
        self._sum = 0.0

    @property
    def label(self) -> str:
        return f"volume-{self.size:.15g}"

    def ends(self, tick: quantd.Tick) -> bool:
        self._sum += self._worth(tick)
        if self._sum < self.size:
            return False
        self._sum = 0.0
        return True

    def _worth(self, tick: quantd.Tick) -> float:
        return tick.qty


@quantd.hookimpl
def register_event_bars(register: quantd.Register[quantd.EventBars]) -> None:
    register("volume", VolumeBars)
