"""Which alerts go together, and when."""

from msgspec.structs import replace

from quantd.config.matchers import as_matchers
from quantd.config.routing import Route, Routing
from quantd.flow.alerts.route import Groups, group_of, sinks_of
from quantd.testing import fakes

GROUPED = Routing(group_by=("pair", "team"), group_wait=10_000, group_interval=60_000)


def test_an_alert_goes_to_the_sinks_of_its_rule_and_of_each_route_once() -> None:
    route = Route(match=as_matchers("severity=page"), send=("phone", "log"))
    alert = replace(fakes.alert(), severity="page")
    assert sinks_of(alert, ("log", "mail"), Routing(routes=(route, route))) == ("log", "mail", "phone")
    assert sinks_of(fakes.alert(), ("log", "log"), Routing(routes=(route,))) == ("log",)


def test_alerts_go_one_by_one_by_default() -> None:
    assert group_of(fakes.alert(), Routing()) == ""
    groups = Groups(Routing())
    assert [groups.due("log", "", now) for now in (5, 5, 6)] == [5, 5, 6]


def test_alerts_with_the_same_words_are_a_group() -> None:
    assert group_of(replace(fakes.alert(), labels={"team": "night"}), GROUPED) == "pair=BTCUSDT-ETHUSDT,team=night"
    assert group_of(fakes.alert(), GROUPED) == "pair=BTCUSDT-ETHUSDT,team="


def test_the_first_of_a_group_waits_and_the_next_sending_comes_an_interval_later() -> None:
    groups = Groups(GROUPED)
    assert [groups.due("log", "a", now) for now in (0, 4_000, 9_999)] == [10_000] * 3
    assert [groups.due("log", "a", now) for now in (10_000, 30_000, 69_999)] == [70_000] * 3
    assert groups.due("log", "a", 69_000 + 60_000) == 139_000
    assert groups.due("log", "a", 500_000) == 510_000
    assert groups.due("mail", "a", 4_000) == 14_000
    assert groups.due("log", "b", 4_000) == 14_000


def test_the_table_of_groups_is_bounded() -> None:
    groups = Groups(GROUPED)
    for number in range(10_002):
        groups.due("log", str(number), number * 100)
    assert len(groups._due) < 2_000
