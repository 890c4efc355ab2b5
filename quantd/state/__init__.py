"""The state directory and the records in it."""

from quantd.state.changes import Changes, Delivery, DeliveryState, Mark, Message
from quantd.state.directory import Prefixed, State
from quantd.state.records import FIRINGS_KEPT, Records
from quantd.state.retried import tried_again
from quantd.state.schema import SCHEMA_VERSION

__all__ = [
    "FIRINGS_KEPT",
    "SCHEMA_VERSION",
    "Changes",
    "Delivery",
    "DeliveryState",
    "Mark",
    "Message",
    "Prefixed",
    "Records",
    "State",
    "tried_again",
]
