"""The metrics that a rule may name, for what it watches."""

import pytest

from quantd.conditions.errors import WrongCondition
from quantd.conditions.model import Term, clauses
from quantd.conditions.parse import located, parse_condition
from quantd.config.bounds import close_ranges, z_range
from quantd.config.model import PairJobStage
from quantd.config.rules import METRICS, SYMBOL_METRICS
from quantd.config.subjects import Judging, Subject, metric_ranges, offered
from quantd.plugin.base import PairJob
from quantd.plugin.loader import load
from quantd.stats.zscore import ZScore

REGISTRY = load([])
JOBS = tuple(
    PairJobStage(every=every, job=entry.plugin())
    for name, every in (("adf", "1m"), ("health", "5m"), ("cointegration", "1m"))
    if (entry := REGISTRY.get("job", name)) and issubclass(entry.plugin, PairJob)
)
PAIR = Subject(name="A-B", legs=("A", "B"), jobs=JOBS, offered=offered(REGISTRY))
PIPELINE = Subject(name="", jobs=JOBS, offered=offered(REGISTRY))
SYMBOL = Subject(name="A", legs=("A",))


def wrong(subject: Subject, text: str, every: str = "1m") -> tuple[str, str, str | None] | None:
    """The word at which a condition is wrong for a subject, the message, and the word that was meant."""
    parsed = located(text)
    try:
        for clause, places in zip(clauses(parsed.condition), parsed.places, strict=True):
            subject.demand_known(clause, places, every)
    except WrongCondition as error:
        return text[error.begin : error.end], error.message, error.suggestion
    return None


@pytest.mark.parametrize("metric", METRICS)
def test_a_pair_has_its_metrics(metric: str) -> None:
    assert wrong(PAIR, f"{metric} > 0.5 or move({metric}, 3) crosses above 1") is None
    assert wrong(PIPELINE, f"abs({metric}) inside 0..1") is None


@pytest.mark.parametrize("metric", [metric for metric in SYMBOL_METRICS if metric != "quality"])
def test_a_symbol_and_a_leg_have_their_metrics(metric: str) -> None:
    assert wrong(SYMBOL, f"{metric} > 0.5 or move({metric}, 3) crosses above 1") is None
    assert wrong(PAIR, f"{metric} of y > 0.5 and {metric} of b > 1") is None
    assert wrong(PIPELINE, f"{metric} of x > 0.5") is None


@pytest.mark.parametrize(
    ("subject", "text", "word", "message", "suggestion"),
    [
        (PAIR, "corr > 0 and zscor > 1", "zscor", "no metric 'zscor'; there is zscore, spread", "zscore"),
        (PAIR, "correlation > 1", "correlation", "no metric 'correlation'", "corr"),
        (PAIR, "hedge_ratio > 1", "hedge_ratio", "no metric 'hedge_ratio'", "beta"),
        (
            PAIR,
            "z\N{CYRILLIC SMALL LETTER ES}ore > 1",
            "z\N{CYRILLIC SMALL LETTER ES}ore",
            "letter 2 is CYRILLIC SMALL LETTER ES, which looks like",
            "zscore",
        ),
        (PAIR, "volume > 1", "volume", "'volume' is a metric of a symbol: say of which leg", "volume of y"),
        (PAIR, "kpss_pvalue > 1", "kpss_pvalue", "the job kpss computes it, name it under `jobs:`", None),
        (PAIR, "volum of y > 1", "volum", "no metric 'volum' of a symbol; there is price, open", "volume"),
        (PAIR, "vol of y > 1", "vol", "no metric 'vol' of a symbol", "volume"),
        (PAIR, "zscore of y > 1", "zscore", "no metric 'zscore' of a symbol", None),
        (PAIR, "price of C > 1", "C", "C is no leg of A-B", None),
        (PIPELINE, "price of A > 1", "A", "the pairs of a pipeline are many: write y or x", None),
        (SYMBOL, "price of y > 1", "y", "the rule watches one symbol, A: leave `of y` out", None),
        (SYMBOL, "zscore > 1", "zscore", "'zscore' is a metric of a pair, and the rule watches a symbol", None),
        (SYMBOL, "y > 1", "y", "'y' is a metric of a pair", "price"),
        (PAIR, "zscore == high", "high", "'zscore' is a number: compare it with a number", None),
        (SYMBOL, "price == high", "high", "'price' is a number: compare it with a number", None),
        (SYMBOL, "quality == gapp", "gapp", "'quality' is never 'gapp'; it is complete, partial, gap, imported", "gap"),
        (PAIR, "quality of y crosses above 1", "1", "'quality' is a text: compare it with a word", None),
        (PAIR, "eg_power > 1", "1", "'eg_power' is a text: compare it with a word", None),
        (PAIR, "health == broken", "health", "'health' is computed at 5m, not at 1m: change one `every`", None),
    ],
)
def test_what_there_is_not(subject: Subject, text: str, word: str, message: str, suggestion: str | None) -> None:
    found = wrong(subject, text)
    assert found
    assert (found[0], found[2]) == (word, suggestion)
    assert message in found[1]


def test_metrics_of_unknown_jobs_are_accepted() -> None:
    assert wrong(Subject(name="A-B", legs=("A", "B")), "anything > 1") is None


def test_words_are_those_of_the_job_at_the_timeframe() -> None:
    assert wrong(PAIR, "health == broken", "5m") is None
    assert "broken" in (PAIR.words(Term("health"), "5m") or ())
    assert PAIR.words(Term("health"), "1m") is PAIR.words(Term("zscore"), "1m") is None
    assert PAIR.words_in(parse_condition("health == broken and zscore > 1"), "5m").keys() == {"health"}


def test_ranges() -> None:
    ranges = metric_ranges(ZScore(), None)
    assert ranges == {}
    own = close_ranges(z_range(ZScore(), 10), "raw")
    pair = Subject(name="A-B", legs=("A", "B"), jobs=JOBS, ranges=own)
    found = pair.ranges_for(Judging("1m", coverage=0.5))
    assert found["zscore"].high.at == pytest.approx(2.846, abs=1e-3)
    assert (found["coverage"].low.at, found["adf_pvalue"].high.at) == (0.5, 1.0)
    assert "adf_pvalue" not in pair.ranges_for(Judging("5m"))
    assert "zscore" not in pair.ranges_for(Judging("1m", "tick"))
    assert SYMBOL.ranges_for(Judging("1m"))["volume"].low.at == 0.0
