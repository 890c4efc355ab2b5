"""The table of the states of all alert rules, whether made by pipelines or by request, and of how far each series was judged."""

from collections.abc import Collection, Mapping

from quantd.rule_state import RuleState

FRESH = RuleState()
"""The state of a rule that has never changed."""


class RuleStates:
    """The states of rules by rule id. `unsaved` holds the states that have changed since the last write."""

    def __init__(self) -> None:
        self._states: dict[str, RuleState] = {}
        self._changed: set[str] = set()
        self.places: dict[str, int] = {}
        """The end (ms) of the last judged bar of each pair or symbol, a space, and the timeframe."""
        self._moved: set[str] = set()
        self._held: dict[str, frozenset[str]] = {}
        """The rules by series whose messages are held: what they have come to is not written before these are told."""
        self.restored: frozenset[str] = frozenset()
        """The rules that an earlier run has judged."""

    def of(self, rule_id: str) -> RuleState:
        """Return the state of a rule; a fresh state if the rule has never changed."""
        return self._states.get(rule_id, FRESH)

    def put(self, rule_id: str, state: RuleState) -> None:
        """Set the state of a rule."""
        self._states[rule_id] = state
        self._changed.add(rule_id)

    def begin(self, rule_id: str) -> None:
        """Note that a rule is judged from now on, so that the next run knows that it was."""
        if rule_id not in self._states:
            self.put(rule_id, FRESH)

    def forget(self, rule_id: str) -> None:
        """Remove the state of a deleted rule. A later rule of the same id starts with a fresh state."""
        self.restored -= {rule_id}
        self._held = {place: rules - {rule_id} for place, rules in self._held.items()}
        if self._states.pop(rule_id, None):
            self._changed.add(rule_id)

    def note_judged(self, place: str, end: int) -> None:
        """Note that the bar that ends at `end` (ms) has been judged."""
        self.places[place] = end
        self._moved.add(place)

    def forget_place(self, place: str) -> None:
        """Forget how far a series was judged, since no rule watches it any more."""
        self.places.pop(place, None)
        self._held.pop(place, None)
        self._moved.discard(place)

    def hold(self, place: str, rules: Collection[str]) -> None:
        """Write neither the states of these rules nor how far their series is judged, until `let_go`."""
        self._held[place] = frozenset(rules)

    def let_go(self, place: str) -> None:
        """Write again what has become of a series and its rules."""
        self._held.pop(place, None)

    def holds(self, rule_id: str) -> bool:
        """Return whether the messages of a rule are held."""
        return any(rule_id in rules for rules in self._held.values())

    def restore(self, stored: Mapping[str, RuleState], rules: Collection[str], places: Mapping[str, int] | None = None) -> None:
        """Restore the states that an earlier run stored for these rules, and how far it has judged each series. The states of other rules
        will be deleted."""
        known = {rule_id: state for rule_id, state in stored.items() if rule_id in rules}
        self._states |= known
        self._changed |= stored.keys() - set(rules)
        self.restored = frozenset(known)
        self.places |= places or {}

    @property
    def unsaved(self) -> dict[str, RuleState | None]:
        """The states that have changed; None for a rule that is deleted."""
        return {rule_id: self._states.get(rule_id) for rule_id in self._changed if not self.holds(rule_id)}

    @property
    def unsaved_places(self) -> dict[str, int]:
        """How far the series are judged whose end has moved since the last write."""
        return {place: self.places[place] for place in self._moved - self._held.keys()}

    def saved(self) -> None:
        """Mark all states but those that are held as written."""
        self._changed = {rule_id for rule_id in self._changed if self.holds(rule_id)}
        self._moved &= self._held.keys()
