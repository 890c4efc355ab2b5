"""The state of an alert rule, which is stored on disk."""

from typing import Literal

from msgspec import Struct

from quantd.model import Alert

Phase = Literal["inactive", "pending", "firing"]


class RuleState(Struct, frozen=True, gc=False):
    """The state of one alert rule. Times are moments of event time in milliseconds: of the trade, or the end of the bar."""

    phase: Phase = "inactive"
    since: int | None = None
    """When the condition began to hold; None if it does not."""
    covered: int = 0
    """For how long (ms) data have shown that it holds, while pending, or that it does not, while firing."""
    judged: int | None = None
    """Moment of the latest value while pending, or while firing and about to resolve; None otherwise."""
    recent: int = 0
    """The latest verdicts as bits, the newest lowest, for a rule that wants `3 of 5`."""
    crossed: tuple[bool | None, ...] = ()
    """See `quantd.conditions.verdict`."""
    blind_since: int | None = None
    """Since when there has been no value; None if there is one, and for a rule that keeps its state without data."""
    blind: bool = False
    """Whether it fires because there are no data."""
    firing: str = ""
    """The id of its last firing."""
    times: int = 0
    """Number of firings that began at that moment."""
    alert: Alert | None = None
    """The message that reports its last change, told or not."""
    triggered_at: int | None = None
    """When it last fired, as `Alert.ts`."""
    trigger_count: int = 0
    """Number of firings."""
    ended: int | None = None
    """When it last resolved."""
    told_at: int | None = None
    """When its firing was last told of, for reminders."""
    repeats: int = 0
    """Number of reminders of this firing."""
    changes: tuple[int, ...] = ()
    """Moments of the latest changes, for the flood breaker; of the last change alone while it flaps."""
    flapping: bool = False
    """Whether it changes so often that its changes are not told."""
    used: tuple[str, ...] = ()
    """Keys of messages that mended data have taken back, or that said so: no other message gets one of them."""
    untold: int = 0
    """Number of changes that were not told because it flaps."""

    @property
    def holds(self) -> bool:
        """Whether it is firing."""
        return self.phase == "firing"
