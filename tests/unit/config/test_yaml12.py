"""YAML 1.2 scalars, positions, and what is refused."""

import math

import pytest

from quantd.config.node import Node
from quantd.config.yaml12 import parse, scalar
from quantd.errors import ConfigError, Mistake


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            ("on", "on"),
            ("yes", "yes"),
            ("off", "off"),
            ("10:30", "10:30"),
            ("2024-01-01", "2024-01-01"),
            ("1_000", "1_000"),
            ("0b1", "0b1"),
        ),
        *(("1e-4", 1e-4), ("1.", 1.0), (".5", 0.5), ("+1", 1), ("-0", 0), ("012", 12), ("0o17", 15), ("0x1F", 31), ("1E3", 1000.0)),
        *(("true", True), ("False", False), ("~", None), ("null", None), ("", None), ("-.INF", -math.inf), ("<<", "<<"), ("=", "=")),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert scalar(text) == parse(f"- {text}", "f").plain[0] == value
    assert type(scalar(text)) is type(value)


def test_nan_is_a_float() -> None:
    assert math.isnan(scalar(".NaN"))


def test_quotes_and_tags_make_a_text() -> None:
    assert parse("['60', \"true\", !!str 60, '']", "f").plain == ["60", "true", "60", ""]


def test_everything_has_its_position() -> None:
    root = parse("# c\na: 1\nb:\n  - x\n  - {c: [7]}\n", "f")
    inside = root.value["b"].value[1]
    seven = inside.value["c"].value[0]
    assert (root.keys["b"].line, root.keys["b"].column) == (3, 1)
    assert (seven.line, seven.column, seven.value) == (5, 10, 7)
    assert (inside.keys["c"].line, inside.keys["c"].column) == (5, 6)
    assert str(seven.mistake("b[1].c[0]", "no", "yes")) == "f:5:10: b[1].c[0]: no (did you mean 'yes'?)"


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "\ufeff"])
def test_an_empty_document_is_an_empty_mapping(text: str) -> None:
    assert parse(text, "f").plain in ({}, None)


def test_merge_keys_give_way_to_what_stands_there() -> None:
    root = parse("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\nall: {<<: [*b, *o], x: 9}\n", "f")
    assert root.plain["all"] == {"x": 9, "y": 2, "z": 4}
    assert root.value["all"].keys["y"].line == 1


def test_keys_are_texts() -> None:
    assert parse("1: a\ntrue: b\n~: c\n", "f").plain == {"1": "a", "true": "b", "~": "c"}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1), "'a' stands here a second time, the first is at line 1"),
        ("{[a]: 1}", (1, 2), "a key must be plain text"),
        ("a: [\n", (2, 1), "not YAML"),
        ("a: b: c", (1, 5), "mapping values are not allowed here"),
        ("a:\n\t- b", (2, 1), "indent with spaces"),
        ("a: *b", (1, 4), "undefined alias"),
        ("x\x07y", (1, 2), "the character '\\x07' may not stand here"),
        ('a: "\\U00110000"', (1, 1), "is no character"),
        ('a: "\\ud800"', (1, 4), "half of a pair"),
        ("a: !!float x", (1, 4), "'x' is no float"),
        ("a: !!set {b}", (1, 4), "has no meaning here"),
        ("a: " + "9" * 21, (1, 4), "more than 20 digits"),
        ("a: 0x" + "f" * 20, (1, 4), "more than 20 digits"),
        ("a: {<<: 3}", (1, 9), "<< takes a mapping"),
        ("[" * 3000, (1, 1), "too deep or too large"),
        ("&a [*a]", (1, 1), "too deep or too large"),
        ("- &a " + "[x]\n" + "- &b [" + "*a, " * 300 + "]\n- [" + "*b, " * 300 + "]\n", (1, 3), "too deep or too large"),
    ],
)
def test_what_is_wrong_has_a_place(text: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == place
    assert message in mistake.message


def test_soft_mistakes_leave_the_rest_readable() -> None:
    mistakes: list[Mistake] = []
    assert parse("a: 1\na: 2\nb: !x 3\n", "f", mistakes).plain == {"a": 1, "b": "3"}
    assert [mistake.line for mistake in mistakes] == [2, 3]


def test_nodes_do_not_share_their_keys() -> None:
    assert Node(1, "f").keys is not Node(2, "f").keys
