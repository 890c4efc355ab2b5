"""The one table of the states of alert rules: those of pipelines and those made by request."""

from collections.abc import Collection, Mapping

from quantd.model import RuleState

_FRESH = RuleState()


class RuleStates:
    """States by the rule's id. What has changed since it was last written is `unsaved`."""

    def __init__(self) -> None:
        self._states: dict[str, RuleState] = {}
        self._changed: set[str] = set()

    def of(self, rule_id: str) -> RuleState:
        """The state of a rule; a fresh one where nothing has happened to it."""
        return self._states.get(rule_id, _FRESH)

    def put(self, rule_id: str, state: RuleState) -> None:
        """The rule has this state from now on."""
        self._states[rule_id] = state
        self._changed.add(rule_id)

    def forget(self, rule_id: str) -> None:
        """The rule is no more: one that comes back under the same id begins afresh."""
        if self._states.pop(rule_id, None):
            self._changed.add(rule_id)

    def restore(self, stored: Mapping[str, RuleState], rules: Collection[str]) -> None:
        """Take up what an earlier run has stored of these rules; what it stored of others is to be forgotten."""
        self._states |= {rule_id: state for rule_id, state in stored.items() if rule_id in rules}
        self._changed |= stored.keys() - set(rules)

    @property
    def unsaved(self) -> dict[str, RuleState | None]:
        """The states that have changed; None of a rule that is no more."""
        return {rule_id: self._states.get(rule_id) for rule_id in self._changed}

    def saved(self) -> None:
        """All is written."""
        self._changed.clear()
