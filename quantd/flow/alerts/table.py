"""The table of the states of all alert rules, whether made by pipelines or by request."""

from collections.abc import Collection, Mapping

from quantd.rule_state import RuleState

_FRESH = RuleState()


class RuleStates:
    """The states of rules by rule id. `unsaved` holds the states that have changed since the last write."""

    def __init__(self) -> None:
        self._states: dict[str, RuleState] = {}
        self._changed: set[str] = set()

    def of(self, rule_id: str) -> RuleState:
        """Return the state of a rule; a fresh state if the rule has never changed."""
        return self._states.get(rule_id, _FRESH)

    def put(self, rule_id: str, state: RuleState) -> None:
        """Set the state of a rule."""
        self._states[rule_id] = state
        self._changed.add(rule_id)

    def forget(self, rule_id: str) -> None:
        """Remove the state of a deleted rule. A later rule of the same id starts with a fresh state."""
        if self._states.pop(rule_id, None):
            self._changed.add(rule_id)

    def restore(self, stored: Mapping[str, RuleState], rules: Collection[str]) -> None:
        """Restore the states that an earlier run stored for these rules. The states of other rules will be deleted."""
        self._states |= {rule_id: state for rule_id, state in stored.items() if rule_id in rules}
        self._changed |= stored.keys() - set(rules)

    @property
    def unsaved(self) -> dict[str, RuleState | None]:
        """The states that have changed; None for a rule that is deleted."""
        return {rule_id: self._states.get(rule_id) for rule_id in self._changed}

    def saved(self) -> None:
        """Mark all states as written."""
        self._changed.clear()
