"""What a plugin returns: a wrong answer is told with the line of the plugin."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

import quantd
from quantd.clock import EventClock
from quantd.flow.pairs.jobs import _answer
from quantd.model import Bar, Event
from quantd.plugin import answers
from quantd.plugin.base import DaemonView, PairView
from quantd.plugin.blame import WrongAnswer, blame
from quantd.plugin.guard import Guard
from quantd.stats.columns.hedges import of_hedges
from quantd.testing import fakes


def returning(answer: object) -> Callable[..., Any]:
    def method(*args: object) -> object:
        return answer

    return method


def wrong(check: Callable[..., object], answer: object, *args: object) -> str:
    method = returning(answer)
    with pytest.raises(WrongAnswer) as told:
        check(method, *(args or ()))
    text = str(told.value)
    assert re.search(r"\(.*test_answers\.py:\d+ in method\)$", text)
    return text


def of_hedge(method: Callable[..., Any]) -> object:
    return answers.hedge(method, method())


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((0.0, 2.0), "returned (0.0, 2.0), a tuple: expected a quantd.Hedge, or None where there is no answer"),
        (2.0, "returned 2.0, a float: expected a quantd.Hedge"),
        (quantd.Hedge(0.0, float("nan"), 5), "expected floats that are finite"),
        (quantd.Hedge(0.0, "2", 5), "expected floats that are finite"),  # type: ignore[arg-type]
        (quantd.Hedge(0.0, np.array([2.0]), 5), "expected floats that are finite"),  # type: ignore[arg-type]
        (quantd.Hedge(0.0, 2.0, 5, stderr=float("inf")), "expected floats that are finite"),
    ],
)
def test_what_is_no_hedge(answer: object, text: str) -> None:
    assert text in wrong(of_hedge, answer)


def test_a_hedge_of_numpys_numbers_is_one_of_pythons() -> None:
    hedge = answers.hedge(returning(None), quantd.Hedge(np.float64(1.5), np.float32(2.0), 5, r2=np.float64(0.5)))  # type: ignore[arg-type]
    assert hedge == quantd.Hedge(1.5, 2.0, 5, r2=0.5)
    assert {type(each) for each in (hedge.alpha, hedge.beta, hedge.r2)} == {float}
    assert answers.hedge(returning(None), None) is None


TWO = of_hedges([quantd.Hedge(0.5, 2.0, 5), None])


def of_two_hedges(method: Callable[..., Any]) -> object:
    return answers.hedges(method, method, 2)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [quantd.Hedge(0.5, 2.0, 5), None],
        replace(TWO, beta=TWO.beta[:1]),
        replace(TWO, beta=TWO.beta[:, None]),
        replace(TWO, beta=TWO.beta.tolist()),
        replace(TWO, beta=TWO.beta + 0j),
        replace(TWO, beta=TWO.beta.astype(object)),
        replace(TWO, known=TWO.known.astype(np.int64)),
        replace(TWO, n=TWO.n.astype(np.float64)),
    ],
)
def test_what_are_no_hedges_of_many(answer: object) -> None:
    assert "expected a quantd.HedgeColumns, each column an array of the shape (2,)" in wrong(of_two_hedges, answer)


@pytest.mark.parametrize("change", [{"beta": math.nan}, {"alpha": -math.inf}, {"weight": math.nan}, {"stderr": math.inf}])
def test_hedges_of_many_that_are_not_finite(change: dict[str, float]) -> None:
    odd = replace(TWO, **{name: np.array([number, 1.0]) for name, number in change.items()})
    assert "expected floats that are finite" in wrong(of_two_hedges, odd)


def test_numbers_of_a_pair_without_a_hedge_are_not_looked_at() -> None:
    odd = replace(TWO, beta=np.array([2.0, math.inf]))
    assert answers.hedges(returning(odd), lambda: odd, 2) is odd


@pytest.mark.parametrize("answer", [None, (), {"a": 1}, [1], "bars"])
def test_what_are_no_bars(answer: object) -> None:
    assert "expected a list of quantd.Bar" in wrong(answers.bars, answer)


def test_what_are_bars() -> None:
    bars: list[Bar] = fakes.bars(2)
    assert answers.bars(returning(bars), 5) is bars


@pytest.mark.parametrize("answer", ["state", 5, {}])
def test_what_is_no_state(answer: object) -> None:
    assert "expected bytes, or None" in wrong(answers.packed, answer)
    assert (answers.packed(returning(b"x")), answers.packed(returning(None))) == (b"x", None)


@pytest.mark.parametrize("answer", [None, 5, {"a": "b"}, {1: 2}, {"a": float("nan")}])
def test_what_are_no_counts(answer: object) -> None:
    assert "expected a mapping of names to numbers" in wrong(answers.counts, answer, DaemonView(0, None))
    good = {"a": 1, "b": 2.5, "c": None, "d": np.int64(3)}
    assert answers.counts(returning(good), DaemonView(0, None)) == good


@pytest.mark.parametrize("answer", [None, 5, {"a": 1}])
def test_what_is_no_batch(answer: Any) -> None:
    with pytest.raises(WrongAnswer, match=r"expected batches: yield a list of events, be it of one \(.*test_answers.py:\d+ in method\)"):
        answers.batch(returning(None), answer)
    events: Sequence[Event] = fakes.ticks(2)
    assert answers.batch(returning(None), events) is events


@pytest.mark.parametrize("answer", [None, (), [1], {}])
async def test_what_is_no_past(answer: object) -> None:
    async def fetch_ticks(symbol: str) -> Any:
        return answer

    with pytest.raises(WrongAnswer, match=r"expected a list of quantd.Tick, \[\] where .*test_answers.py:\d+ in fetch_ticks\)"):
        await answers.rows(quantd.Tick, fetch_ticks, "A")


async def test_what_is_a_past() -> None:
    ticks = fakes.ticks(2)

    async def fetch_ticks(symbol: str) -> list[quantd.Tick]:
        return ticks

    assert await answers.rows(quantd.Tick, fetch_ticks, "A") is ticks


class Moody(quantd.PairJob):
    """Answers what it is told to."""

    metrics = ("level", "mood")
    words = {"mood": ("calm",)}  # noqa: RUF012

    def __post_init__(self) -> None:
        self.answer: Any = {}

    def run(self, view: PairView) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([1.0], "a mapping, with a value for each of its `metrics`"),
        (None, "a mapping"),
        ({"level": "high"}, "finite numbers, or None, of level, mood, of which mood are texts"),
        ({"level": float("nan")}, "finite numbers"),
        ({"level": [1]}, "finite numbers"),
        ({"mood": "wild"}, "finite numbers"),
        ({"mood": 1.0}, "finite numbers"),
        ({"other": 1.0}, "finite numbers"),
    ],
)
def test_what_a_job_may_not_answer(answer: object, expected: str) -> None:
    job = Moody()
    job.answer = answer
    with pytest.raises(WrongAnswer, match=r"Moody\.run returned .*: expected .*\(.*test_answers\.py:\d+ in run\)") as told:
        _answer(job, PairView("A-B", "1m", 0, 60, {}))
    assert expected in str(told.value)


def test_a_guard_counts_it_and_tells_the_line() -> None:
    guard = Guard("regression", "one", EventClock())
    assert guard.call(of_hedge, returning((1, 2))) is None
    error = guard.health().last_error or ""
    assert re.fullmatch(r".*method returned \(1, 2\), a tuple: expected a quantd\.Hedge.*test_answers\.py:\d+ in method\)", error)


def test_what_a_plugin_hands_to_a_library_is_blamed_on_its_own_line() -> None:
    def fit() -> object:
        return np.linalg.inv(np.zeros((2, 2)))

    with pytest.raises(np.linalg.LinAlgError) as told:
        fit()
    assert re.fullmatch(r"LinAlgError: Singular matrix \(.*test_answers\.py:\d+ in fit\)", blame(told.value))


def test_an_int_that_no_float_can_hold_is_a_wrong_answer() -> None:
    assert "expected floats that are finite" in wrong(of_hedge, quantd.Hedge(alpha=0.0, beta=10**400, n=2))


def test_what_an_error_says_is_one_line_of_bounded_length() -> None:
    told = blame(ValueError("first\n\nsecond " + "x" * 5_000))
    assert told.startswith("ValueError: first second xxx")
    assert "\n" not in told
    assert len(told) < 1_100
