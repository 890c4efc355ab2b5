"""A rule is found by its name or id, or made of a condition, and judged over what is recorded."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from quantd.flow.alerts.rule import of_pipeline
from quantd.hindsight.model import PastQuestion
from quantd.hindsight.past import judged_past, rules_of
from quantd.history.history import History
from quantd.model import Bar
from quantd.testing.fakes import START, bars
from quantd.timeframes import MINUTE
from tests.unit.hindsight.courses import PAIR, end_of, points, rule

KNOWN = [of_pipeline(rule().rule, pair) for pair in (PAIR, "A-B")]


def test_a_name_stands_for_the_rules_of_all_pairs_that_have_it() -> None:
    assert rules_of(PastQuestion("stretched"), KNOWN) == KNOWN
    assert rules_of(PastQuestion("stretched", "a-b"), KNOWN) == KNOWN[1:]
    assert rules_of(PastQuestion("A-B/stretched"), KNOWN) == KNOWN[1:]
    (slower,) = rules_of(PastQuestion("stretched", "A-B", "5m"), KNOWN)
    assert slower.rule.every == "5m"


def test_a_condition_is_judged_on_the_pair_that_is_named() -> None:
    (made,) = rules_of(PastQuestion("corr < 0.5", PAIR), KNOWN)
    assert (str(made.rule.when), made.on, made.rule.every) == ("corr < 0.5", PAIR, "1m")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (PastQuestion("strech"), "no rule on any pair or symbol is named strech; there is stretched"),
        (PastQuestion("zscore >", PAIR), "column"),
        (PastQuestion("zscore > 2"), "name it, as in BTCUSDT-ETHUSDT"),
        (PastQuestion("zscore > 2", "no pair"), "no pair"),
        (PastQuestion("zscore > 2", PAIR, "7x"), "7x"),
        (PastQuestion("volume of z > 2", PAIR), "Z is no leg of Y-X"),
        (PastQuestion("prise > 2", "BTCUSDT"), "no metric 'prise' of a symbol"),
        (PastQuestion("corr > 2", PAIR), "corr > 2 is never true"),
    ],
)
def test_what_cannot_be_answered_is_said(asked: PastQuestion, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        rules_of(asked, KNOWN)


def test_mended_rows_are_judged_in_their_last_form() -> None:
    history = History(None)
    history.put_points([replace(row, revision=1) for row in points([0.0, 2.5, 0.0])])
    (made,) = judged_past(history, KNOWN, START, None)
    assert (made.of, len(made.firings)) == (PAIR, 1)
    (later,) = judged_past(history, KNOWN, START + 2 * MINUTE, None)
    assert later.firings == ()


def test_a_metric_that_no_point_has_is_said_and_not_taken_for_calm() -> None:
    history = History(None)
    history.put_points([replace(row, metrics={"adf_pvalue": 0.01}) for row in points([0.0, 2.5, 0.0])])
    typo = rules_of(PastQuestion("zscroe > 2", PAIR), KNOWN)
    with pytest.raises(ValueError, match=r"no point of Y-X 1m has a metric 'zscroe'; .* \(did you mean 'zscore'\?\)"):
        judged_past(history, typo, START, None)
    (made,) = judged_past(history, rules_of(PastQuestion("adf_pvalue < 0.05", PAIR), KNOWN), START, None)
    assert len(made.firings) == 1
    assert [each.rule for each in judged_past(history, [*typo, *KNOWN], START, None)] == ["stretched"]


def test_a_pair_without_points_is_said() -> None:
    with pytest.raises(ValueError, match="no recorded points or bars of Y-X 1m, A-B 1m"):
        judged_past(History(None), KNOWN, None, None)


def priced(symbol: str, closes: Sequence[float]) -> list[Bar]:
    rows = zip(bars(len(closes), symbol=symbol), closes, strict=True)
    return [replace(bar, open=close, high=close, low=close, close=close) for bar, close in rows]


def test_a_rule_on_a_symbol_is_judged_on_its_bars() -> None:
    history = History(None)
    history.put_bars(priced("BTCUSDT", [100, 101, 106, 107, 101, 100]))
    for condition, firings in (("price > 105", 1), ("move(price, 1) > 4%", 1), ("move(price, 2) > 50%", 0)):
        (made,) = judged_past(history, rules_of(PastQuestion(condition, "btcusdt"), KNOWN), None, None)
        assert (made.of, made.bars, len(made.firings)) == ("BTCUSDT", 6, firings)


def test_a_rule_on_a_pair_may_name_a_leg() -> None:
    history = History(None)
    history.put_points(points([0.0, 2.5, 2.5, 2.5, 0.0]))
    history.put_bars(priced("X", [100, 100, 100, 90, 90]))
    (made,) = judged_past(history, rules_of(PastQuestion("zscore > 2 and price of x < 95", PAIR), KNOWN), None, None)
    assert [each.fired for each in made.firings] == [end_of(3)]
