"""The messages for the sinks of a running flow."""

from collections.abc import Collection, Sequence

from quantd.flow.alerts.outbox import Outbox
from quantd.services.deliveries import Deliveries
from quantd.state import Delivery, DeliveryState


class LiveDeliveries(Deliveries):
    """The messages of an outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def listed(self, state: DeliveryState | None, sink: str | None, limit: int) -> Sequence[Delivery]:
        keeper = self._outbox.keeper
        await keeper.saved()
        return await keeper.read(lambda: keeper.records.deliveries.listed(state, sink, limit))

    async def resend(self, keys: Collection[str] | None) -> int:
        return await self._outbox.resend(keys)
