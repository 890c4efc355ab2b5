"""The messages for sinks: what waits, what was sent, and what is not tried any more."""

from collections.abc import Collection, Sequence
from typing import Protocol

from quantd.state.changes import Delivery as Delivery
from quantd.state.changes import DeliveryState as DeliveryState


class Deliveries(Protocol):
    """The messages of the last 7 days, and those that were not delivered."""

    async def listed(self, state: DeliveryState | None, sink: str | None, limit: int) -> Sequence[Delivery]:
        """Return the latest messages of a state and a sink, newest first; None stands for all."""
        ...

    async def resend(self, keys: Collection[str] | None) -> int:
        """Deliver dead messages again: those of these keys, None stands for all. Return their number."""
        ...
