"""Judges closed bars: new ones in order, those of an outage, and again those that were mended."""

from collections.abc import Iterable, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from quantd.clock import Clock
from quantd.columns.points import PointColumns
from quantd.conditions.model import Term
from quantd.conditions.verdict import Values
from quantd.flow.alerts import mending
from quantd.flow.alerts.catching_up import Held
from quantd.flow.alerts.inputs import Inputs
from quantd.flow.alerts.judging import Judging
from quantd.flow.alerts.mending import Names, corrections, judged_again
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.places import PlaceRules, Sound, needed_coverage
from quantd.flow.alerts.rule import AlertRule, ValuesAt, is_sound
from quantd.flow.alerts.table import RuleStates
from quantd.flow.alerts.told import Told
from quantd.model import WHOLE, Alert, Bar, Metric, PairPoint
from quantd.rule_state import RuleState
from quantd.timeframes import timeframe


class Row(Struct, frozen=True):
    """A closed bar or point: its open time (ms), its values, whether they are good enough for a rule, and the moment of its end."""

    ts: int
    values: Values
    sound: Sound
    moment: Moment


class Closes:
    """Judges the rules on closed bars."""

    def __init__(self, clock: Clock | None, judging: Judging, states: RuleStates, inputs: Inputs) -> None:
        self._clock = clock
        self._judging = judging
        self._states = states
        self._inputs = inputs
        self._held = Held()
        self._names: dict[str, Names] = {}
        """By rule."""

    def forget(self, rule_id: str) -> None:
        """Forget what is held of a rule."""
        self._names.pop(rule_id, None)
        self._held.forget(rule_id)

    def of_point(self, point: PairPoint) -> Row:
        """Return the row of a point."""
        sound = partial(is_sound, quality=point.quality, coverage=point.coverage)
        return Row(point.ts, self._inputs.of_point(point), sound, self._moment(point.every, point.ts, point.zscore, point.hedge.beta))

    def of_bar(self, bar: Bar) -> Row:
        """Return the row of a symbol's bar. A bar that lacks trades, or of which only a part was seen, has no coverage."""
        sound = partial(is_sound, quality=bar.quality, coverage=1.0 if bar.quality in WHOLE else 0.0)
        return Row(bar.ts, self._inputs.of_bar(bar), sound, self._moment(bar.every, bar.ts))

    def of_batch(self, values: ValuesAt, batch: PointColumns, at: int) -> Row:
        """Return the row of the point at this place of a batch."""
        plain = values.at(at)

        def value(term: Term) -> Metric:
            return self._inputs.of_point(batch[at])(term) if term.of or term.bars else plain(term)

        moment = self._moment(batch.every, batch.ts, values.number("zscore", at), values.number("beta", at))
        return Row(batch.ts, value, partial(values.is_sound, at=at), moment)

    def is_new(self, name: str, every: str, row: Row) -> bool:
        """Return whether a bar is later than all that were judged."""
        last = self._states.places.get(f"{name} {every}")
        return last is None or row.moment.since > last

    def is_known(self, name: str, every: str) -> bool:
        """Return whether a bar of this series was ever judged."""
        return f"{name} {every}" in self._states.places

    def judge(self, at: PlaceRules, name: str, every: str, row: Row) -> list[Told]:
        """Judge a bar that has just closed, after those of an outage, if any."""
        self._begin(at.fresh, row)
        at.fresh = []
        told = self._judging.judge_all(at, row.values, row.sound, row.moment)
        self._held.add(told if self._held else ())
        return self.pass_over(at, f"{name} {every}", row.moment.since) or told

    def pass_over(self, at: PlaceRules, series: str, end: int) -> list[Told]:
        """Note that the bar which ends at `end` (ms) changes no rule by itself. Return what is held of the bars before, if any."""
        self._states.note_judged(series, end)
        return self._held.release(at.rules.values(), max(end, self._clock.now()) if self._clock else end) if self._held else []

    def catch_up(self, at: PlaceRules, name: str, every: str, row: Row) -> None:
        """Judge a bar that closed while the daemon was down, for the rules that were judged before that."""
        if not self.is_known(name, every):
            return
        moment = row.moment
        known = self._states.restored
        self._begin([rule for rule in at.fresh if rule.id in known], row)
        at.fresh = [rule for rule in at.fresh if rule.id not in known]
        self._held.add(self._judging.judge_all(at, row.values, row.sound, _at_its_end(moment), lambda rule: rule.id in known))
        self._states.note_judged(f"{name} {every}", moment.since)

    def judge_late(self, at: PlaceRules, rule: AlertRule, row: Row) -> list[Told]:
        """Judge a rule once more, now that all metrics of a bar are there."""
        if not row.sound(needed_coverage(rule)):
            return []
        change = self._judging.judge(rule, row.values, row.moment)
        if change:
            at.wake(rule)
        return _told(rule, change)

    def mend(self, at: PlaceRules, name: str, every: str, first: int) -> list[Told]:
        """Judge all rules again from the bar that opens at `first` (ms) up to the newest one that was judged. Return what corrects what was
        told."""
        until = self._states.places.get(f"{name} {every}")
        return [] if until is None else [told for rule in list(at.rules.values()) for told in self._mend(at, rule, first, until)]

    def _mend(self, at: PlaceRules, rule: AlertRule, first: int, until: int) -> list[Told]:
        steps, now = self._judging.steps[rule.id], self._states.of(rule.id)
        since = until if steps.since is None else steps.since
        rows = [row for row in self._rows(rule, first, until) if since < row.moment.since <= until]
        if not rows:
            return []
        begin, present = rows[0].moment.since, self._clock.now() if self._clock else until
        present = max(until, present)
        begun = steps.before(begin, now)
        names = self._names.setdefault(rule.id, Names())
        again = names.named(judged_again(rule, begun, rows, present))
        news = corrections(rule, begun, steps.alerts_from(begin), again, rows, present)
        for alert in news:
            if alert.state == "withdrawn":
                names.withdraw(alert.id)
        steps.replace_from(begin, again.steps)
        self._judging.set(rule, _going_on(again.state, now, news))
        at.wake(rule)
        return [(alert, rule) for alert in news]

    def _begin(self, rules: Iterable[AlertRule], row: Row) -> None:
        for rule in rules:
            self._judging.steps[rule.id].since = row.moment.since - 1

    def _rows(self, rule: AlertRule, first: int, until: int) -> list[mending.Row]:
        """Return the rows of a rule from memory. Each is judged at its end."""
        every, needs = rule.rule.every, needed_coverage(rule)
        if rule.is_pair:
            found = [self.of_point(point) for point in self._inputs.points(rule.watched, every, first, until)]
        else:
            found = [self.of_bar(bar) for bar in self._inputs.bars(rule.watched, every, first, until)]
        return [mending.Row(row.values if row.sound(needs) else None, _at_its_end(row.moment)) for row in found]

    def _moment(self, every: str, ts: int, zscore: float | None = None, beta: float | None = None) -> Moment:
        """Return the moment at which a closed bar is judged: its end, or later, for example after an outage."""
        end = timeframe(every).end(ts)
        return Moment(end, max(end, self._clock.now()) if self._clock else end, ts, end - ts, zscore, beta)


def _at_its_end(moment: Moment) -> Moment:
    return Moment(moment.since, moment.since, moment.bar, moment.covered, moment.zscore, moment.beta)


def _going_on(state: RuleState, now: RuleState, news: Sequence[Alert]) -> RuleState:
    """Return a state that was found again, with what was told in the present one: an id that was told is never used for another firing,
    and reminders of a firing go on."""
    if not state.holds:
        return replace(state, firing=now.firing, times=now.times)
    if now.holds and state.firing == now.firing:
        state = replace(state, triggered_at=now.triggered_at, told_at=now.told_at, repeats=now.repeats)
    reminder = next((alert for alert in news if alert.repeat and alert.id == state.firing), None)
    return replace(state, told_at=reminder.ts, repeats=reminder.repeat) if reminder else state


def _told(rule: AlertRule, change: Change | None) -> list[Told]:
    return [(alert, rule) for alert in change.alerts] if change else []
