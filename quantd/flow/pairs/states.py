"""Detects changes of the states that jobs name."""

from quantd.flow.pairs.spec import PairSpec
from quantd.model import PairPoint, Transition


class States:
    """The last known states of one pair on one timeframe."""

    def __init__(self, spec: PairSpec) -> None:
        self._names = tuple(name for job in spec.jobs for name in job.states)
        self._last: dict[str, tuple[int, str]] = {}

    def of(self, point: PairPoint) -> list[Transition]:
        """Return the changes of state at this point. A point that is older than the last one, or has no value for a state, changes
        nothing."""
        changes = []
        for name in self._names:
            now = point.metrics.get(name)
            since, was = self._last.get(name, (0, None))
            if not isinstance(now, str) or point.ts < since:
                continue
            self._last[name] = point.ts, now
            if now != was:
                changes.append(Transition(point.pair, point.every, point.ts, name, was, now, point.metrics))
        return changes
