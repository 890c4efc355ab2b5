"""What the state machine of a rule takes besides a verdict, and what it returns."""

from msgspec import Struct

from quantd.model import Alert
from quantd.rule_state import RuleState


class Moment(Struct, frozen=True, gc=False):
    """When a value came about, and what else is known of it."""

    since: int
    """Event time of the value: the time of the trade, or the end of the bar."""
    ts: int
    """When it is judged; see `Alert.ts`."""
    bar: int | None = None
    """Open time of its bar; None between closes."""
    covered: int = 0
    """For how many milliseconds before it, but not before the judgement before, there were data: the length of a closed bar."""
    zscore: float | None = None
    """The z-score of the pair, with its sign."""
    beta: float | None = None
    """The pair's beta."""
    late: bool = False
    """Whether alerts about it are late; see `Alert.late`."""


class Change(Struct, frozen=True):
    """The state of a rule after it has changed, and the alerts that report the change, in order."""

    state: RuleState
    alerts: tuple[Alert, ...] = ()
