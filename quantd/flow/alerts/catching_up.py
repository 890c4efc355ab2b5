"""Decides what is told of the bars that closed while the daemon was down.

What still holds at the newest bar is told as if the daemon had watched. What came and went meanwhile is told, as late, only if the rule
asks for it. The end of a firing that was told before is told in any case.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.told import Told
from quantd.model import Alert


class Held:
    """The alerts of bars that closed while the daemon was down, by rule, until the newest of these bars is judged."""

    def __init__(self) -> None:
        self._of: dict[str, list[Told]] = {}

    def __bool__(self) -> bool:
        """Return whether any are held."""
        return bool(self._of)

    def add(self, told: Iterable[Told]) -> None:
        """Hold alerts."""
        for alert, rule in told:
            self._of.setdefault(rule.id, []).append((alert, rule))

    def forget(self, rule_id: str) -> None:
        """Drop the alerts of a rule."""
        self._of.pop(rule_id, None)

    def replace_from(self, rule: AlertRule, at: int, alerts: Iterable[Alert]) -> None:
        """Hold other alerts in place of those of a rule from this moment (ms) on."""
        before = [(alert, rule) for alert, _ in self._of.get(rule.id, ()) if alert.ts < at]
        self._of[rule.id] = before + [(alert, rule) for alert in alerts]

    def has(self, rule_id: str) -> bool:
        """Return whether alerts of a rule are held."""
        return rule_id in self._of

    def release(self, rules: Iterable[AlertRule], told: Sequence[Told], now: int) -> list[Told]:
        """Return what is to be told of these rules at this moment (ms), given what has come about just now."""
        waited = dict.fromkeys(rule.id for rule in rules if rule.id in self._of)
        self.add(each for each in told if each[1].id in waited)
        of_old = [each for rule_id in waited for each in worth_telling(self._of.pop(rule_id), now)]
        return of_old + [each for each in told if each[1].id not in waited]


def worth_telling(held: Iterable[Told], now: int) -> list[Told]:
    """Return what is to be told at this moment (ms) of what has come about."""
    held = [(alert, rule) for alert, rule in held if not alert.is_reminder]
    fired = {alert.id for alert, _ in held if alert.state == "firing"}
    over = fired & {alert.id for alert, _ in held if alert.state == "resolved"}
    return [
        (replace(alert, ts=max(now, alert.ts), late=alert.id in over), rule)
        for alert, rule in held
        if alert.id not in over or rule.rule.late
    ]
