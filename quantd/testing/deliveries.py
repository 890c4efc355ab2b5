"""Deliveries without a sink."""

from collections.abc import Collection, Sequence

from quantd.services.deliveries import Deliveries
from quantd.state import Delivery, DeliveryState


class FakeDeliveries(Deliveries):
    """The messages that a test puts into `known`, newest first."""

    def __init__(self) -> None:
        self.known: list[Delivery] = []
        self.resent: list[str] = []

    async def listed(self, state: DeliveryState | None, sink: str | None, limit: int) -> Sequence[Delivery]:
        return [each for each in self.known if state in (None, each.state) and sink in (None, each.message.sink)][:limit]

    async def resend(self, keys: Collection[str] | None) -> int:
        found = [each.message.key for each in self.known if each.state == "dead" and (keys is None or each.message.key in keys)]
        self.resent += found
        return len(found)
