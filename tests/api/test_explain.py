"""Explanations and back-tests of rules over HTTP."""

from xml.etree import ElementTree

from aiohttp import ClientSession

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.testing.services import FakeServices
from tests.unit.hindsight.courses import points

from .conftest import Ask

PAIR = "Y-X"


def fire(services: FakeServices, *zscores: float) -> str:
    engine: AlertEngine = services.explain.judge.engine
    engine.add(Rule(name="stretched", when=parse_condition("abs(zscore) > 2"), every="1m"), PAIR)
    fired = ""
    for row in points(zscores):
        services.record.history.put_points([row])
        for alert, _ in engine.judge([row]):
            services.events.publish("alerts", [alert])
            fired = alert.id
    return fired


async def test_a_firing_is_explained_with_a_figure(ask: Ask, services: FakeServices) -> None:
    fired = fire(services, 0.5, -2.5, -3.0, 1.0)
    status, found = await ask(f"/alerts/{fired.replace('/', '%2F')}/explain")
    assert status == 200
    assert (found["id"], found["state"], found["value"], found["end_value"]) == (fired, "resolved", 2.5, 1.0)
    assert (found["point"]["zscore"], found["point"]["beta"], found["point"]["n"]) == (-2.5, 2.0, 60)
    course, began, ended = found["figure"]["data"]
    assert course["y"] == [0.5, -2.5, -3.0, 1.0]
    assert (began["x"], began["y"], ended["y"]) == ([found["ts"]], [-2.5], [1.0])
    assert [shape["y0"] for shape in found["figure"]["layout"]["shapes"]] == [-2.0, 2.0]


async def test_it_is_drawn_for_those_without_a_browser(session: ClientSession, services: FakeServices) -> None:
    fire(services, 0.5, -2.5)
    async with session.get("/alerts/Y-X%2Fstretched/explain", params={"format": "svg"}) as response:
        assert (response.status, response.content_type) == (200, "image/svg+xml")
        assert ElementTree.fromstring(await response.text()).tag.endswith("svg")


async def test_a_firing_that_is_not_known_is_404(ask: Ask) -> None:
    assert (await ask("/alerts/none/explain"))[0] == 404


async def test_a_rule_is_judged_over_the_record(ask: Ask, services: FakeServices) -> None:
    fire(services, 0.5, 2.5, 3.0, 0.2, 0.1, -0.1)
    status, (found,) = await ask("/alerts/backtest", params={"rule": "stretched"})
    assert status == 200
    assert (found["of"], found["count"], found["bars"]) == (PAIR, 1, 6)
    (one,) = found["firings"]
    assert (one["lasted_s"], one["extreme"], one["half_s"], one["mean_s"]) == (120.0, 3.0, 120.0, 240.0)
    status, (other,) = await ask("/alerts/backtest", params={"rule": "zscore > 2.6", "of": "y-x", "last": "1d"})
    assert (status, other["count"]) == (200, 1)


async def test_a_wrong_question_is_refused_with_the_reason(ask: Ask) -> None:
    for asked, told in (({"rule": "zscore >", "pair": "Y-X"}, "column"), ({"rule": "none"}, "no rule"), ({"rule": "a", "last": "x"}, "x")):
        status, found = await ask("/alerts/backtest", params=asked)
        assert (status, told in found["detail"]) == (400, True)
