"""A value between the levels of the rules costs nothing, whatever their number, and changes nothing that it should change."""

from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.places import PlaceRules, Places
from quantd.flow.alerts.rule import AlertRule
from quantd.testing import fakes


def rule(when: str, name: str = "rule", *, on: str = "Y", every: str = "", live: bool = True) -> AlertRule:
    return AlertRule(name, Rule(name=name, when=parse_condition(when), every=every, on="tick" if live else "close"), on, "")


def test_a_rule_is_looked_at_only_when_a_value_leaves_the_band() -> None:
    at, looked = PlaceRules(), list[str]()
    for number, when in enumerate(("price > 2", "price > 3", "price < 5", "price > 3 and price < 4")):
        at.put(number, rule(when, str(number)))
    at.drop(3)

    def judge(each: AlertRule, _: object) -> bool:
        looked.append(each.id)
        return False

    for price in (4.0, 4.5, 3.5, 3.0, 3.0, 2.5, 2.9, None, 9.0, 5.5):
        at.judge(lambda _, price=price: price, lambda _: True, judge)  # type: ignore[misc]
        looked.append("|")
    assert "".join(looked) == "012|||1|1|1|||12||"


def test_a_rule_that_changes_is_looked_at_again() -> None:
    at, looked = PlaceRules(), list[str]()
    at.put(0, rule("price > 2"))

    def judge(each: AlertRule, _: object) -> bool:
        looked.append(each.id)
        return len(looked) == 1

    for _ in range(3):
        at.judge(lambda _: 3.0, lambda _: True, judge)
    assert len(looked) == 2


LEVELS = st.sampled_from([1.0, 1.5, 2.0, 2.5, 3.0])


@given(
    st.lists(st.tuples(st.sampled_from([">", "<", ">=", "<=", "==", "!="]), LEVELS), min_size=1, max_size=6),
    st.lists(LEVELS | st.sampled_from([0.0, 1.2, 2.2, 9.0]), max_size=20),
)
def test_many_rules_tell_what_each_would_tell_alone(conditions: list[tuple[str, float]], prices: list[float]) -> None:
    rules = [rule(f"price {op} {level}", str(number)) for number, (op, level) in enumerate(conditions)]
    ticks = [fakes.tick("Y", number, number, price) for number, price in enumerate(prices, 1)]
    together, alone = AlertEngine(), [AlertEngine() for _ in rules]
    for each, engine in zip(rules, alone, strict=True):
        together.put(each)
        engine.put(each)
    told = [(alert.key, alert.value) for tick in ticks for alert, _ in together.judge_prices("Y", [tick])]
    assert told == [(alert.key, alert.value) for tick in ticks for engine in alone for alert, _ in engine.judge_prices("Y", [tick])]


def test_places_are_found_by_pair_symbol_and_leg_and_forgotten() -> None:
    places = Places()
    made = [
        rule("price > 2", "a"),
        rule("zscore > 2", "b", on="Y-X", every="1m"),
        rule("zscore > 2 and volume of x > 5", "c", on="Y-X", every="1m", live=False),
        rule("move(price, 5) > 3", "d", every="1m"),
    ]
    for each in made:
        places.put(each)
    assert places.watched == {("Y-X", "1m")}
    assert [every for every, _ in places.on_ticks("Y")] == ["", "1m"]
    assert (places.with_leg("X", "1m"), places.with_leg("Y", "1m")) == ({"Y-X"}, frozenset())
    assert places.on_closes("X", "1m")
    assert not places.on_closes("Y", "1m")
    for each in made:
        places.drop(each.id)
    assert (places._at, places._named, places.on_ticks("Y"), places.watched) == ({}, {}, [], frozenset())
