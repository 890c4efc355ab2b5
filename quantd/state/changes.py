"""What alerts change, as one transaction of the records."""

from typing import Literal

from msgspec import Struct, field

from quantd.model import Alert
from quantd.rule_state import RuleState

DeliveryState = Literal["waiting", "sent", "dead"]
"""`dead` is a delivery that is not tried any more: it is too old, or its sink has refused it."""


class Message(Struct, frozen=True):
    """Alerts for one sink, which are sent together."""

    key: str
    """Identifies the message: a second one of the same key and sink is ignored."""
    sink: str
    lane: str
    """Messages of one lane of a sink are sent in order."""
    alerts: tuple[Alert, ...]
    group: str = ""
    """Messages of one group of a sink that are due are sent together, in order; empty for a message that is sent alone."""
    due: int = 0
    """When it is to be sent (ms); 0 for at once."""

    @property
    def order(self) -> str:
        """The name of what is sent in order: its group, or its lane."""
        return f"group {self.group}" if self.group else f"lane {self.lane}"


class Delivery(Struct, frozen=True):
    """A message in the records, and what has become of it."""

    number: int
    """The place in the order of all messages."""
    message: Message
    made: int
    """When it was put (ms)."""
    state: DeliveryState = "waiting"
    tries: int = 0
    due: int = 0
    """When it is tried next, or was decided (ms)."""
    reason: str = ""
    """Why the last try failed."""
    batch: int | None = None
    """The number of the first message that it is sent with, once that is fixed."""


class Mark(Struct, frozen=True):
    """What has become of a delivery."""

    number: int
    state: DeliveryState
    tries: int
    due: int
    reason: str = ""
    batch: int | None = None


class Changes(Struct):
    """Changes that are written in one transaction."""

    states: dict[str, RuleState | None] = field(default_factory=dict)
    """The states of rules by their ids; None deletes a state."""
    places: dict[str, int] = field(default_factory=dict)
    """The ends of the last judged bars (ms), by what was judged."""
    fired: list[Alert] = field(default_factory=list)
    """New firings, oldest first."""
    cleared: bool = False
    """Deletes all firings before these."""
    kept: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    """Values by table and key; None deletes a value."""
    messages: list[tuple[Message, int]] = field(default_factory=list)
    """New messages, each with the time (ms) at which it was put."""
    marks: list[Mark] = field(default_factory=list)

    def __bool__(self) -> bool:
        parts = self.states, self.places, self.fired, self.cleared, self.kept, self.messages, self.marks
        return any(parts)

    def then(self, later: "Changes") -> "Changes":
        """Return these changes followed by later ones."""
        return Changes(
            states=self.states | later.states,
            places=self.places | later.places,
            fired=later.fired if later.cleared else self.fired + later.fired,
            cleared=self.cleared or later.cleared,
            kept=self.kept | later.kept,
            messages=self.messages + later.messages,
            marks=self.marks + later.marks,
        )
