"""The timelines in `alerts/`: what a rule sees and what it tells."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from quantd.conditions.model import Condition, Term, clauses
from quantd.conditions.verdict import Verdict, verdict
from quantd.config.reader import Reader
from quantd.config.rules import Rule
from quantd.config.sections import read_section
from quantd.config.yaml12 import parse
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.state import due, judged, passed
from quantd.model import Alert, Metric
from quantd.plugin.loader import load as load_plugins
from quantd.rule_state import RuleState
from quantd.timeframes import duration, timeframe
from quantd.times import iso, parse_time

FOLDER = Path(__file__).parent / "alerts"
REGISTRY = load_plugins()
LINE = re.compile(r"(?P<at>[\d:.]+)\s+(?P<comes>.*?)(\s+covered (?P<covered>\w+))?(\s*\[(?P<phase>\w+)\])?(\s*-> (?P<told>.*))?")


class Line(Struct):
    """A moment of a timeline: what comes, for how long before it there were data, and what is told then."""

    ts: int
    comes: str
    covered: int
    phase: str | None
    told: list[str]


class Timeline(Struct):
    title: str
    rule: AlertRule
    lines: list[Line]


def timelines() -> Iterator[Timeline]:
    for file in sorted(FOLDER.glob("*.txt")):
        for written in file.read_text("utf-8").removeprefix("# ").split("\n# "):
            head, lines = written.split("\n\n", 1)
            title, keys = head.split("\n", 1)
            rule = rule_of(keys)
            yield Timeline(title, rule, list(lines_of(lines.strip().split("\n"), rule)))


def rule_of(keys: str) -> AlertRule:
    """Read the keys as the daemon does."""
    reader = Reader(REGISTRY)
    rule = read_section(reader, parse(f"name: rule\n{keys}\n", "timeline"), "", Rule).value
    assert not reader.mistakes
    return AlertRule("rule", rule, "Y-X", "text")


def lines_of(lines: list[str], rule: AlertRule) -> Iterator[Line]:
    before: int | None = None
    for line in lines:
        found = LINE.fullmatch(line.strip())
        assert found, line
        ts = parse_time(f"2026-01-01T{found['at']}Z")
        since = 0 if before is None else ts - before
        covered = since if rule.live else min(since, timeframe(rule.rule.every or "1m").end(0))
        told = found["told"].split("; ") if found["told"] else []
        yield Line(ts, found["comes"], duration(found["covered"]) if found["covered"] else covered, found["phase"], told)
        before = ts


def next_change(rule: AlertRule, state: RuleState, line: Line) -> Change | None:
    at = due(rule, state)
    if line.comes in ("time", "late"):
        assert at == line.ts if line.comes == "time" else at is not None and at < line.ts
        return passed(rule, state, line.ts)
    if "(no longer" not in "".join(line.told):
        assert at is None or at >= line.ts, "it wanted to be asked before this line"
    moment = Moment(line.ts, line.ts, covered=line.covered)
    levels = sum(" crosses " in str(clause) for clause in clauses(rule.rule.when))
    until = rule.rule.until
    ended = None if until is None else found_by(until, line.comes, state.crossed[levels:])
    return judged(rule, state, found_by(rule.rule.when, line.comes, state.crossed[:levels]), moment, ended)


def found_by(condition: Condition, comes: str, crossed: tuple[bool | None, ...]) -> Verdict:
    given: dict[str, Metric] = {name: value_of(text) for name, text in re.findall(r"(\w+)=(\S+)", comes)}

    def value(term: Term) -> Metric:
        found = given[term.metric] if given else value_of(comes)
        return abs(found) if term.absolute and isinstance(found, float) else found

    return verdict(condition, value, crossed)


def value_of(text: str) -> Metric:
    if text == "none":
        return None
    return float(text) if re.fullmatch(r"[-\d.]+", text) else text


def shown(alert: Alert, now: int) -> str:
    """The alert as timelines write it."""
    state = f"reminder {alert.repeat}" if alert.repeat else alert.state
    value = alert.value if isinstance(alert.value, str) else f"{alert.value:g}"
    since = "" if alert.since == now else f" since {clock(alert.since)}"
    return f"{state} {value}{since}" + (f" ({alert.reason})" if alert.reason else "")


def clock(ts: int) -> str:
    return iso(ts)[11:-1].removesuffix(".000")


@pytest.mark.parametrize("timeline", list(timelines()), ids=lambda timeline: timeline.title)
def test_a_timeline(timeline: Timeline) -> None:
    state = RuleState()
    keys: list[str] = []
    for line in timeline.lines:
        change = next_change(timeline.rule, state, line)
        state = change.state if change else state
        told = change.alerts if change else ()
        assert [shown(alert, line.ts) for alert in told] == [timed(each) for each in line.told]
        assert line.phase in (None, state.phase)
        assert all(alert.ts == line.ts for alert in told)
        keys += [alert.key for alert in told]
    assert len(set(keys)) == len(keys), "two messages with one key"


def timed(told: str) -> str:
    """The message with the seconds that a timeline leaves out."""
    return re.sub(r"since (\d\d:\d\d)(?![\d:])", r"since \1:00", told)


def test_there_are_at_least_sixty_timelines() -> None:
    assert len(list(timelines())) >= 60
