"""The section `routing:` and its texts."""

import pytest

from quantd.config.convert import Invalid
from quantd.config.load import build
from quantd.config.matchers import as_matchers
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.routing import Hours, Inhibition, MuteWindow, Route, Routing, as_days, as_hours
from quantd.config.sections import read_section
from quantd.config.yaml12 import parse
from quantd.errors import ConfigError
from quantd.plugin.registry import Registry

WHOLE = """
group_by: [pair]
group_wait: 10s
group_interval: 5m
routes:
  - {match: severity=page, send: [phone]}
mute:
  - {name: night, days: 'mon-fri', hours: '22:00-06:00', zone: Europe/Berlin, match: 'severity!=page'}
inhibit:
  - {when: 'metric=health, value=broken', mute: metric=zscore}
"""


def read(text: str) -> tuple[Routing | None, list[str]]:
    reader = Reader(Registry())
    found: Routing | None = read_section(reader, parse(text, "f") if text else Node({}, "f"), "routing", Routing).value
    return found, [str(each) for each in reader.mistakes]


def test_every_key() -> None:
    assert read(WHOLE) == (
        Routing(
            group_by=("pair",),
            group_wait=10_000,
            group_interval=300_000,
            routes=(Route(match=as_matchers("severity=page"), send=("phone",)),),
            mute=(
                MuteWindow(
                    name="night", days=(0, 1, 2, 3, 4), hours=Hours(1320, 360), zone="Europe/Berlin", match=as_matchers("severity!=page")
                ),
            ),
            inhibit=(Inhibition(when=as_matchers("metric=health, value=broken"), mute=as_matchers("metric=zscore"), equal=("pair",)),),
        ),
        [],
    )


def test_by_default_alerts_go_one_by_one_at_once() -> None:
    assert read("") == (Routing(), [])


@pytest.mark.parametrize("key", ["group_wait", "group_interval"])
def test_a_wait_without_groups_is_a_mistake(key: str) -> None:
    _, mistakes = read(f"{key}: 10s")
    assert mistakes == [
        f"f:1:{len(key) + 3}: routing.{key}: means nothing without group_by: name what the alerts of a group have in common, like [pair]"
    ]


@pytest.mark.parametrize(("text", "days"), [("mon", (0,)), ("SAT-mon", (0, 5, 6)), ("mon-sun", tuple(range(7))), ("sun, wed", (2, 6))])
def test_days(text: str, days: tuple[int, ...]) -> None:
    assert as_days(text) == days


@pytest.mark.parametrize("text", ["", "mon-", "montag", "mon;tue", "1-5", "-"])
def test_what_are_no_days(text: str) -> None:
    with pytest.raises(Invalid, match="names no days"):
        as_days(text)


@pytest.mark.parametrize("text", ["", "22-6", "24:00-06:00", "07:60-08:00", "07:00-24:01", "7:00", "٧:00-08:00"])
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match="are no hours"):
        as_hours(text)


def test_hours_are_printed_as_they_are_read() -> None:
    assert str(as_hours("7:05-24:00")) == "07:05-24:00"
    with pytest.raises(ValueError, match="is no time at all"):
        as_hours("07:00-07:00")


@pytest.mark.parametrize("keys", ["", ", days: mon-sun", ", hours: '00:00-24:00'", ", days: 'mon-fri,sat-sun', hours: '00:00-24:00'"])
def test_a_window_that_mutes_everything_for_ever_is_a_mistake(keys: str) -> None:
    _, mistakes = read(f"mute: [{{name: night{keys}}}]")
    assert mistakes == ["f:1:8: routing.mute[0]: mutes every alert for ever: give it `hours`, `days` or `match`"]


@pytest.mark.parametrize("keys", ["days: sat-sun", "hours: '00:00-23:59'", "match: team=night"])
def test_a_window_that_leaves_something_is_none(keys: str) -> None:
    assert read(f"mute: [{{name: night, {keys}}}]")[1] == []


def named(routing: str, label: str = "desk") -> list[str]:
    """Return what is wrong with the names in a routing of a config with one rule that has a label."""
    rule = {"name": "a", "of": "A-B", "when": "zscore > 2", "labels": {label: "x"}}
    config = {"pairs": ["A-B"], "feeds": {"binance-futures": {}}, "sinks": {"log": {}}, "alerts": [rule]}
    try:
        build(config | {"routing": parse(routing, "f").plain}, {}, {})
    except ConfigError as error:
        return [f"{each.path} {each.suggestion}" for each in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("routing", "path"),
    [
        ("routes: [{match: severty=page, send: [log]}]", "routes[0].match severity"),
        ("mute: [{name: a, match: 'pair=A-B, rul!=b'}]", "mute[0].match rule"),
        ("inhibit: [{when: mertic=health, mute: metric=zscore}]", "inhibit[0].when metric"),
        ("inhibit: [{when: metric=health, mute: metric=zscore, equal: [pairs]}]", "inhibit[0].equal[0] pair"),
        ("group_by: [pairs]", "group_by[0] pair"),
    ],
)
def test_a_name_that_is_misspelt_is_a_mistake(routing: str, path: str) -> None:
    assert named(routing) == [f"routing.{path}"]


def test_a_label_may_be_close_to_another_name() -> None:
    assert named("group_by: [pairs, severity, role, venue, tier, team, desk]", "pairs") == []
