"""What mutes an alert: a silence, a mute window, or another alert that fires."""

from collections.abc import Iterable
from itertools import chain

from quantd.config.matchers import match, words_of
from quantd.config.routing import Hours, Inhibition, MuteWindow, Routing
from quantd.flow.alerts.kept_rows import KeptRows
from quantd.flow.alerts.silence import Silence
from quantd.model import Alert
from quantd.times import wall_clock

_ALL_DAY = Hours()


def is_in(window: MuteWindow, now: int) -> bool:
    """Return whether a moment is in a window. Hours that go on after midnight belong to the day on which they begin."""
    day, minute = wall_clock(now, window.zone)
    days, hours = range(7) if window.days is None else window.days, window.hours or _ALL_DAY
    if hours.start < hours.end:
        return day in days and hours.start <= minute < hours.end
    return (day in days and minute >= hours.start) or ((day - 1) % 7 in days and minute < hours.end)


class Inhibitor:
    """One inhibition and the alerts that fire and match its `when`, by what they must have in common with those that they mute."""

    def __init__(self, inhibition: Inhibition) -> None:
        self._inhibition = inhibition
        self._sources: dict[tuple[str, ...], dict[str, str]] = {}
        """For each combination of words: the rules that fire, by id, and their names."""
        self._places: dict[str, tuple[str, ...]] = {}
        """The combination under which each rule stands."""

    def add(self, alert: Alert) -> bool:
        """Take an alert that fires. Return whether it mutes no longer what an alert before it of the same rule has muted."""
        before = self._places.get(alert.alert_id)
        self.remove(alert)
        words = words_of(alert)
        if match(self._inhibition.when, words):
            common = self._places[alert.alert_id] = self._common(words)
            self._sources.setdefault(common, {})[alert.alert_id] = alert.rule
        return before is not None and before != self._places.get(alert.alert_id)

    def remove(self, alert: Alert) -> bool:
        """Take away what the rule of this alert has fired, whatever its words were. Return whether it was there."""
        common = self._places.pop(alert.alert_id, None)
        if common is None:
            return False
        there = self._sources[common]
        del there[alert.alert_id]
        if not there:
            del self._sources[common]
        return True

    def source(self, alert: Alert) -> str | None:
        """Return the name of a rule that fires and mutes this alert, which never mutes itself."""
        if not self._sources:
            return None
        words = words_of(alert)
        there = self._sources.get(self._common(words), {})
        if not there or not match(self._inhibition.mute, words):
            return None
        return next((name for rule, name in there.items() if rule != alert.alert_id), None)

    def _common(self, words: dict[str, str]) -> tuple[str, ...]:
        return tuple(words.get(name, "") for name in self._inhibition.equal)


class Mutes:
    """Tells why an alert is muted. `changed` says that since the last look an alert may have ceased to be muted."""

    def __init__(self, routing: Routing, silences: KeptRows[Silence]) -> None:
        self.silences = silences
        self.changed = False
        self._windows = routing.mute
        self._inhibitors = [Inhibitor(each) for each in routing.inhibit]
        self._minute: int | None = None
        self._looked: int | None = None

    def fires(self, alert: Alert) -> None:
        """Take an alert that fires: it may mute others."""
        for each in self._inhibitors:
            self.changed |= each.add(alert)

    def ended(self, alert: Alert) -> None:
        """Take the alert of a firing that has ended: what it muted is no longer muted, and silences until then end."""
        for each in self._inhibitors:
            self.changed |= each.remove(alert)
        self.gone(alert.id)

    def gone(self, firing: str) -> None:
        """End the silences that wait for no other firing than this one, which has ended."""
        for name, silence in self.silences:
            if silence.firings and firing in silence.firings:
                self.silences.put(name, silence.without(firing))
                self._looked = None

    def look(self, now: int) -> None:
        """Look at the clock: a window or a silence may have ended. Silences that are over are deleted."""
        if self._windows and now // 60_000 != self._minute:
            self._minute = now // 60_000
            self.changed = True
        if now == self._looked:
            return
        self._looked = now
        for name, silence in self.silences:
            if silence.is_over(now):
                self.silences.put(name, None)
                self.changed = True

    def why(self, alert: Alert, now: int) -> str | None:
        """Return what mutes an alert; None if nothing does."""
        return next(chain(self._silenced(alert, now), self._windowed(alert, now), self._inhibited(alert)), None)

    def _silenced(self, alert: Alert, now: int) -> Iterable[str]:
        words = words_of(alert) if len(self.silences) else {}
        return (f"silence {each.id}" for _, each in self.silences if match(each.match, words) and not each.is_over(now))

    def _windowed(self, alert: Alert, now: int) -> Iterable[str]:
        for window in self._windows:
            if is_in(window, now) and (window.match is None or match(window.match, words_of(alert))):
                yield f"mute window {window.name}"

    def _inhibited(self, alert: Alert) -> Iterable[str]:
        return (f"{source} fires" for each in self._inhibitors if (source := each.source(alert)))
