"""Whatever is muted and when, receivers hear of each firing once, never of an end without its beginning, and know the truth at the end."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantd.flow.alerts.firing import Firing, after, unmuted
from quantd.model import Alert
from quantd.testing import fakes

EVENTS = st.lists(st.sampled_from(["change", "remind", "flap", "mute", "unmute"]), max_size=40)


class Rule:
    """A rule that fires and ends, and a receiver that writes down what it is told."""

    def __init__(self) -> None:
        self.fires = False
        self.flaps = False
        self.muted = False
        self.number = 0
        self.known: Firing | None = None
        self.heard: list[Alert] = []

    def tell(self, state: str, repeat: int = 0) -> None:
        alert = replace(fakes.alert(), id=str(self.number), state=state, repeat=repeat)
        step = after(self.known, alert, ("log",), muted=self.muted)
        self.known = step.firing
        self.heard += step.messages

    def change(self) -> None:
        self.fires = not self.fires
        self.number += self.fires
        if not self.flaps:
            self.tell("firing" if self.fires else "resolved")

    def flap(self) -> None:
        """Begin to change too often, or end it, as the flood breaker does: the first one tells so, the last one the state."""
        self.flaps = not self.flaps
        self.number += 1
        self.tell("flapping" if self.flaps else "firing" if self.fires else "resolved")

    def remind(self) -> None:
        if self.fires and not self.flaps:
            self.tell("firing", repeat=1)

    def mute(self) -> None:
        self.muted = True

    def unmute(self) -> None:
        self.muted = False
        if self.known and self.known.is_kept:
            step = unmuted(self.known)
            self.known = step.firing
            self.heard += step.messages


@given(EVENTS)
def test_receivers_know_the_truth_once_nothing_is_muted(events: list[str]) -> None:
    rule = Rule()
    for event in events:
        getattr(rule, event)()
    rule.unmute()
    states = [alert.state for alert in rule.heard if not alert.repeat]
    assert (states[-1:] == ["firing"], states[-1:] == ["flapping"]) == (rule.fires and not rule.flaps, rule.flaps)
    assert all(before != "resolved" or now != "resolved" for before, now in zip(["resolved", *states], states, strict=False))
    assert len({alert.key for alert in rule.heard}) == len(rule.heard)


@given(EVENTS)
def test_a_receiver_hears_nothing_while_it_is_muted(events: list[str]) -> None:
    rule = Rule()
    for event in events:
        before = len(rule.heard)
        getattr(rule, event)()
        assert not rule.muted or len(rule.heard) == before
    assert rule.known is None or rule.known.reminders == len(
        [alert for alert in rule.heard if alert.repeat and alert.id == rule.known.alert.id]
    )


def test_the_kept_end_of_one_firing_goes_before_the_next_that_is_not_muted() -> None:
    """The next one may have another severity or metric, and so match no silence."""
    over = replace(fakes.alert(1), state="resolved")
    kept = Firing(fakes.alert(1), ("log",), lasts=False, known=True, over=over)
    step = after(kept, fakes.alert(2), ("log",), muted=False)
    assert step.messages == (over, fakes.alert(2))
    untold = replace(kept, alert=fakes.alert(2), lasts=True)
    assert after(untold, replace(fakes.alert(2), state="resolved"), ("log",), muted=False).messages == (over,)


def test_a_reminder_of_a_firing_whose_end_was_told_keeps_its_number() -> None:
    step = after(None, replace(fakes.alert(), repeat=3), ("sink",), muted=False)
    assert [alert.repeat for alert in step.messages] == [3]
