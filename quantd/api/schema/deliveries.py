"""The queries, bodies and answers of deliveries."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from quantd.api.schema.kinds import Time
from quantd.services.deliveries import Delivery, DeliveryState
from quantd.times import iso

Key = Annotated[str, Meta(max_length=300)]


class DeliveriesQuery(Struct, frozen=True):
    """Which messages to list."""

    state: Annotated[DeliveryState, Meta(description="Only messages of this state.")] | None = None
    sink: Annotated[str, Meta(description="Only messages for this sink.", max_length=100)] | None = None
    limit: Annotated[int, Meta(description="The number of messages, at most.", ge=1, le=1000)] = 100


class ResendBody(Struct, frozen=True):
    """Which dead messages to deliver again. Either `keys` or `all` is given."""

    keys: Annotated[list[Key], Meta(description="The keys of the messages.", max_length=100)] = []
    all: Annotated[bool, Meta(description="Whether all dead messages are meant.")] = False


class DeliveryRow(Struct, frozen=True):
    """A message for a sink: `key` is what the sink gets as its idempotency key, `due` when it is tried next or was decided."""

    key: str
    sink: str
    state: DeliveryState
    tries: int
    made: Time
    due: Time
    reason: str
    texts: Sequence[str]


class Resent(Struct, frozen=True):
    """The number of messages that are delivered again."""

    resent: int


def row(delivery: Delivery) -> DeliveryRow:
    """Return a message as the API shows it."""
    message = delivery.message
    due = iso(max(delivery.due, delivery.made))
    texts = [alert.text for alert in message.alerts]
    return DeliveryRow(message.key, message.sink, delivery.state, delivery.tries, iso(delivery.made), due, delivery.reason, texts)
