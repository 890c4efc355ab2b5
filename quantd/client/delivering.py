"""The requests of a client about the messages of alerts to sinks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantd.client.rest import Rest

if TYPE_CHECKING:
    from quantd.api.schema.deliveries import DeliveryRow


class Delivering:
    """Requests about messages. Each raises ClientError, as all requests do."""

    _rest: Rest

    async def deliveries(self, state: str | None = None, sink: str | None = None, limit: int = 100) -> "list[DeliveryRow]":
        """Return the latest messages to sinks, newest first: those that are `waiting`, `sent` or `dead`."""
        from quantd.api.schema.deliveries import DeliveryRow

        return await self._rest.get(list[DeliveryRow], "/api/v1/deliveries", state=state, sink=sink, limit=limit)

    async def resend(self, keys: Sequence[str] | None = None) -> int:
        """Deliver dead messages again: those of these keys, or all. Return their number. Needs the scope write."""
        from quantd.api.schema.deliveries import Resent

        body = {"all": True} if keys is None else {"keys": list(keys)}
        return (await self._rest.post(Resent, "/api/v1/deliveries/resend", body)).resent
