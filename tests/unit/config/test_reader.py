"""Values and plugins out of nodes: nothing is guessed, and what was found is said."""

from typing import Annotated, Literal

import pytest
from msgspec import Meta

import quantd
from quantd.config.reader import Reader
from quantd.config.yaml12 import parse
from quantd.plugin.registry import Fault, Registry


class Everything(quantd.Regression):
    """A setting of each type."""

    number: float = 1.0
    flag: bool = False
    mode: Literal["fast", "slow"] | None = None
    span: Annotated[str, Meta(pattern=r"^\d+(s|m)$")] = "5s"
    names: tuple[str, ...] = ()
    limits: dict[Literal["low", "high"], Annotated[float, Meta(gt=0)]] | None = None
    needed: int

    def fit(self, y: object, x: object) -> None:
        return None


class Picky(Everything):
    def __post_init__(self) -> None:
        if self.needed == 13:
            raise ValueError("13 brings no luck")


@pytest.fixture
def reader() -> Reader:
    registry = Registry()
    registry.add("regression", "everything", Everything, "here")
    registry.add("regression", "picky", Picky, "here")
    return Reader(registry, ["gone", "regression:lost"])


def read(reader: Reader, text: str) -> list[str]:
    assert reader.plugin("regression", parse(text, "f"), "regression") is None
    return [str(mistake) for mistake in reader.mistakes]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("window: true", "window: expected a whole number, found true"),
        ("window: '60'", "window: expected a whole number, found '60'"),
        ("window: 60.0", "window: expected a whole number, found 60.0"),
        ("window: .nan", "window: expected a finite number, found nan"),
        ("window: 1", "window: expected a whole number >= 2, found 1"),
        ("window: 12345678901234567890", "window: expected a whole number <= 100000, found 12345678901234567890"),
        ("window:", "window: expected a whole number, found nothing"),
        ("window: [60]", "window: expected a whole number, found a list"),
        ("number: -.inf", "number: expected a finite number, found -inf"),
        ("number: .nan", "number: expected a finite number, found nan"),
        ("number: 1e999", "number: expected a finite number, found inf"),
        ("number: true", "number: expected a number, found true"),
        ("number: '1'", "number: expected a number, found '1'"),
        ("flag: yes", "flag: expected true or false, found 'yes'"),
        ("flag: 1", "flag: expected true or false, found 1"),
        ("mode: fats", "mode: expected fast or slow, found 'fats' (did you mean 'fast'?)"),
        ("mode: 1", "mode: expected fast or slow, found 1"),
        ("span: 5h", "span: expected a text like 30s: a number and one of s, m, found '5h'"),
        ("span: 5", "span: expected a text like 30s: a number and one of s, m, found 5"),
        ("names: one", "names: expected a list, found 'one'"),
        ("limits: {}\nlimit: 3", "limit: unknown key; there is"),
        (f"span: {'x' * 99}", f"found '{'x' * 56}..."),
    ],
)
def test_what_does_not_fit_is_said(reader: Reader, setting: str, message: str) -> None:
    (found,) = read(reader, f"use: everything\nneeded: 1\n{setting}\n")
    assert f"regression.{message}" in found or message in found


def test_each_mistake_inside_a_value_is_at_its_own_place(reader: Reader) -> None:
    found = read(reader, "use: everything\nneeded: 1\nlimits:\n  low: -1\n  hihg: 2\n  high: .inf\nnames: [a, 1,\n  [b]]\n")
    assert found == [
        "f:7:12: regression.names[1]: expected a text, found 1: put it into quotes",
        "f:8:3: regression.names[2]: expected a text, found a list",
        "f:4:8: regression.limits.low: expected a number > 0.0, found -1",
        "f:5:3: regression.limits.hihg: expected low or high, found 'hihg' (did you mean 'high'?)",
        "f:6:9: regression.limits.high: expected a finite number, found inf",
    ]


def test_what_fits_is_taken(reader: Reader) -> None:
    text = (
        "{use: everything, needed: -3, number: 2, flag: true, mode: slow, span: 3m, names: [a], limits: {low: 1}, window: 2, prices: log}"
    )
    made = reader.plugin("regression", parse(text, "f"), "regression")
    assert reader.mistakes == []
    expected = Everything(
        needed=-3, number=2.0, flag=True, mode="slow", span="3m", names=("a",), limits={"low": 1.0}, window=2, prices="log"
    )
    assert made == expected
    assert isinstance(made.number, float)


def test_a_missing_setting_is_named(reader: Reader) -> None:
    assert read(reader, "everything") == ["f:1:1: regression: 'needed' is missing"]


def test_a_plugin_may_refuse(reader: Reader) -> None:
    assert read(reader, "{use: picky, needed: 13}") == ["f:1:1: regression: 13 brings no luck"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("everthing", "f:1:1: regression: no regression 'everthing'; there is everything, picky (did you mean 'everything'?)"),
        ("{use: 5}", "f:1:7: regression.use: `use:` must name a regression, found 5; there is everything, picky"),
        ("{window: 5}", "f:1:1: regression.use: `use:` must name a regression; there is everything, picky"),
        ("{use: }", "f:1:6: regression.use: `use:` must name a regression; there is everything, picky"),
        ("gone", "f:1:1: regression: regression 'gone' is disabled by `plugins.disable`"),
        ("lost", "f:1:1: regression: regression 'lost' is disabled by `plugins.disable`"),
        ("[x]", "f:1:1: regression: expected a plugin's name or a mapping like {use: its-name}, found a list"),
    ],
)
def test_an_unknown_plugin_is_named(reader: Reader, text: str, message: str) -> None:
    assert read(reader, text) == [message]


def test_a_broken_module_may_be_why_a_plugin_is_missing(reader: Reader) -> None:
    reader.registry.faults.append(Fault("plugins/lasso.py", "SyntaxError"))
    assert read(reader, "lasso")[0].endswith("; plugins/lasso.py could not be loaded: SyntaxError")


def test_strange_keys_are_quoted(reader: Reader) -> None:
    reader.keys(parse('{"a\\nb": 1, "": 2}', "f"), "x", ["c"])
    assert [mistake.path for mistake in reader.mistakes] == ["x.'a\\nb'", "x.''"]


def test_a_type_without_a_meaning_is_the_plugins_mistake(reader: Reader) -> None:
    class Odd(quantd.Regression):
        field: Annotated[dict[str, int], Meta(ge=3)] = {}  # noqa: RUF012

        def fit(self, y: object, x: object) -> None:
            return None

    reader.registry.add("regression", "odd", Odd, "plugins/odd.py")
    assert "regression 'odd' of plugins/odd.py failed: TypeError" in read(reader, "{use: odd, field: {a: 1}}")[0]
