"""Makes the now-casts that somebody looks at: a rule that is judged between closes, or a listener."""

from collections.abc import Collection, Iterable

from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.symbol import SymbolStage

Looked = tuple[frozenset[tuple[str, str]], frozenset[str] | None]
"""The pairs and timeframes that rules look at, and the pairs that listeners look at, None for all."""
Watched = tuple[PairStage, Collection[str] | None]
"""A pair, and the timeframes of which now-casts are made; None for all."""


class Nowcasts:
    """The now-casts of the pairs of one flow. One is made anew when a leg has traded, when points may have changed, and when somebody has
    begun to look: otherwise it would be the same as before."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._pairs: dict[str, PairStage] = {}
        self._looked: Looked | None = None
        """What `_watched` was made for; None if it has to be made again."""
        self._watched: list[Watched] = []
        self._of_leg: dict[SymbolStage, list[int]] = {}
        """Positions in `_watched`, by leg."""
        self._traded: set[SymbolStage] = set()
        self._all_due = False

    def add(self, pair: PairStage) -> None:
        """Add a pair."""
        self._pairs[pair.name] = pair
        self._looked = None

    def drop(self, name: str) -> None:
        """Remove the pair of this name, if it is there."""
        if self._pairs.pop(name, None):
            self._looked = None

    def note_trades(self, stage: SymbolStage) -> None:
        """Note that a symbol may have a new last price."""
        self._traded.add(stage)

    def note_points(self) -> None:
        """Note that points may have changed."""
        self._all_due = True

    def publish(self) -> None:
        """Publish the due now-casts to listeners, and judge the rules between closes."""
        outputs = self._outputs
        rules, listeners = outputs.alerts.watched, outputs.hub.pairs_wanted("nowcasts")
        if self._looked is None or self._looked[0] is not rules or self._looked[1] is not listeners:
            self._look((rules, listeners))
        if self._watched and (self._traded or self._all_due):
            points = [point for pair, every in self._due() for point in pair.nowcasts(every)]
            outputs.nowcasts_made += len(points)
            outputs.hub.publish("nowcasts", points)
            outputs.tell(outputs.alerts.judge_now(points))
        self._traded.clear()
        self._all_due = False

    def _due(self) -> Iterable[Watched]:
        """Return the watched pairs whose now-casts may differ from the last ones, in the order in which the pairs were added."""
        if self._all_due:
            return self._watched
        due = {position for stage in self._traded for position in self._of_leg.get(stage, ())}
        return [self._watched[position] for position in sorted(due)]

    def _look(self, looked: Looked) -> None:
        """Make now-casts of what is looked at now. All of them are due."""
        self._looked, self._all_due = looked, True
        places, pairs = looked
        every_of: dict[str, list[str]] = {}
        for pair, every in sorted(places):
            every_of.setdefault(pair, []).append(every)
        self._watched, self._of_leg = [], {}
        for name, stage in self._pairs.items():
            if pairs is None or name in pairs or name in every_of:
                for leg in {stage.y, stage.x}:
                    self._of_leg.setdefault(leg, []).append(len(self._watched))
                self._watched.append((stage, None if pairs is None or name in pairs else every_of[name]))
