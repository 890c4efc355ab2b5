"""What came from the environment: a text where a text is wanted, else what YAML makes of it, and never shown."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

import quantd
from quantd.config.load import load
from quantd.config.node import Filled, Node
from quantd.config.reader import Reader
from quantd.config.tree import override, substitute
from quantd.config.yaml12 import parse
from quantd.errors import ConfigError
from quantd.plugin.registry import Registry

WANTED = {
    "text": str,
    "span": Annotated[str, Meta(pattern=r"^\d+(s|m)$")],
    "whole": int,
    "number": float,
    "flag": bool,
    "perhaps": int | None,
    "either": Literal["auto"] | int,
    "choice": Literal["true", "false"],
    "hundreds": Literal[100, 200],
}
CASES = [
    *(("text", text, text) for text in ("0123", "true", "null", "~", "", "1e5", "0x10", "[a", "a # b", "a: b", "-", "#a")),
    *(("span", "5s", "5s"), ("whole", "0123", 123), ("whole", "-7", -7), ("number", "1e-4", 1e-4), ("number", "3", 3.0)),
    *(("flag", "true", True), ("flag", "False", False), ("perhaps", "", None), ("perhaps", "null", None), ("perhaps", "5", 5)),
    *(("either", "auto", "auto"), ("either", "5", 5), ("choice", "true", "true"), ("hundreds", "200", 200)),
]
WRONG = [
    ("whole", "s3cret", "expected a whole number, found ${V}"),
    ("whole", "", "expected a whole number, found ${V}, which is empty"),
    ("whole", "9" * 30, "a number of more than 20 digits, found ${V}"),
    ("flag", "yes", "expected true or false, found ${V}"),
    ("span", "s3cret", "expected a text like 30s: a number and one of s, m, found ${V}"),
    ("span", "123456", "expected a text like 30s: a number and one of s, m, found ${V}"),
    ("choice", "s3cret", "expected true or false, found ${V}"),
]
SETTING = "QUANTD__A"


class Nested(Struct):
    inner: str
    count: int = 1


class Picky(quantd.AlertSink):
    """Refuses its settings, and tells them."""

    token: str
    pin: str = ""
    levels: dict[str, str] | None = None
    nested: Nested | None = None

    def __post_init__(self) -> None:
        if self.token.startswith("s3"):
            raise ValueError(f"token: {self.token.upper()} with {self.pin!r} is refused")

    async def send(self, alert: quantd.Alert) -> None: ...


def from_file(text: str, value: str, reader: Reader) -> Node:
    root = parse(text, "f")
    substitute(root, {"V": value}, reader.mistakes)
    node: Node = root.value["a"]
    return node


def from_override(value: str, reader: Reader) -> Node:
    root = parse("", "f")
    override(root, {SETTING: value}, ["a"], reader.mistakes)
    node: Node = root.value["a"]
    return node


@pytest.fixture
def reader() -> Reader:
    registry = Registry()
    registry.add("sink", "picky", Picky, "here")
    return Reader(registry)


@pytest.mark.parametrize(("wanted", "text", "value"), CASES)
@pytest.mark.parametrize("written", ["a: ${V}", "{a: ${V}}", 'a: "${V}"', "a: ${W:-}${V}"])
def test_a_variable_is_what_is_wanted(wanted: str, text: str, value: object, written: str, reader: Reader) -> None:
    assert reader.value(from_file(written, text, reader), "a", WANTED[wanted], "default") == value
    assert not reader.mistakes


@pytest.mark.parametrize(("wanted", "text", "value"), CASES)
def test_an_override_is_what_is_wanted(wanted: str, text: str, value: object, reader: Reader) -> None:
    assert reader.value(from_override(text, reader), "a", WANTED[wanted], "default") == value
    assert not reader.mistakes


@pytest.mark.parametrize(("wanted", "text", "message"), WRONG)
def test_what_is_not_wanted_is_told_by_its_name(wanted: str, text: str, message: str, reader: Reader) -> None:
    for node, name in ((from_file("a: ${V}", text, reader), "V"), (from_override(text, reader), SETTING)):
        reader.value(node, "a", WANTED[wanted])
        assert reader.mistakes.pop().message == message.replace("${V}", f"${{{name}}}")


def test_an_override_in_quotes_is_the_text_in_them(reader: Reader) -> None:
    assert reader.value(from_override('"0123"', reader), "a", str) == "0123"


def test_lists_mappings_and_structs_hold_what_is_wanted(reader: Reader) -> None:
    node = from_file("a: {token: x, levels: {low: ${V}}, nested: {inner: ${V}, count: ${V}}}", "012", reader)
    sink = reader.plugin("sink", node, "a", use="picky")
    assert (sink.levels, sink.nested) == ({"low": "012"}, Nested("012", 12))
    assert reader.value(from_file("a: [x, ${V}]", "012", reader), "a", tuple[str, ...]) == ("x", "012")
    assert reader.value(from_override("[x, y]", reader), "a", tuple[str, ...]) == ("x", "y")


@pytest.mark.parametrize("value", ["s3cret-word", "s3\n'\"x"])
def test_what_a_plugin_says_of_a_secret_is_masked(value: str, reader: Reader) -> None:
    node = from_file("a: {use: picky, token: ${V}, pin: '${V}!'}", value, reader)
    assert reader.plugin("sink", node, "a") is None
    (mistake,) = reader.mistakes
    assert mistake.message == "${V} with " + repr(value + "!").replace(repr(value)[1:-1], "${V}") + " is refused"


@pytest.mark.parametrize(("value", "found"), [("s3cret-word", "expected a mapping, found ${V}"), ("5", "expected a mapping, found ${V}")])
def test_a_part_of_a_text_is_shown_as_it_is_written(value: str, found: str, reader: Reader) -> None:
    assert list(reader.mapping(from_file("a: x-${V}", value, reader), "a")) == []
    assert reader.mistakes.pop().message == "expected a mapping, found x-${V}"
    assert list(reader.mapping(from_override(value, reader), "a")) == []
    assert reader.mistakes.pop().message == found.replace("${V}", "${QUANTD__A}")


@pytest.mark.parametrize("value", ["", "null", "~"])
def test_an_empty_variable_is_no_section(value: str, reader: Reader) -> None:
    for node in (from_file("a: ${V}", value, reader), from_override(value, reader)):
        assert (list(reader.items(node, "a")), list(reader.mapping(node, "a"))) == ([], [])
    assert not reader.mistakes


def test_words_of_a_few_letters_are_masked_in_quotes_alone() -> None:
    node = Node("a", "f", filled=Filled("${V}", "a", {"V": "a"}))
    assert node.mistake("", "'a' is no number, but a word").message == "'${V}' is no number, but a word"


CONFIGS = {
    "pairs: [${V}]": "s3cret",
    "pairs: ['A-${V}', 'B-C']": "s3/cret",
    "pairs: ['S3CRET-${V}']": "s3cret",
    "symbols: [${V}]": "s3 cret",
    "api: {listen: ${V}}": "s3cret:x",
    "feeds: {x: {use: ${V}}}": "s3cret",
    "jobs: [{use: retention, every: ${V}}]": "s3cret",
    "log: ${V}": "s3cret",
    "store: {use: local, keep: {ticks: ${V}}}": "s3cret",
    "pairs: [{A-B: ${V}}]": "s3cret",
    "pairs: ${V}": "s3cret",
    "pairs: [ '${V}' ]": "A-s3cret,C-D",
    "pairs: [ ${V} ]": "s3cret/part",
    "symbols: [ ${V} ]": "s3cret\u200b",
}


@pytest.mark.parametrize(("text", "value"), CONFIGS.items())
def test_no_mistake_of_a_config_shows_a_value(text: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "quantd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as told:
        load(path, {"V": value})
    assert "${V}" in str(told.value)
    assert "s3cret" not in str(told.value).lower().replace("'s3cret-${v}'", "").replace("s3cret-${v}", "")


def test_a_pipeline_may_extend_what_a_variable_names(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "mine.yaml").write_text("extends: ${BASE}\nregression: {use: ols, window: ${W}}\n")
    path = tmp_path / "quantd.yaml"
    path.write_text("pairs: [A-B: mine]\nfeeds: {binance-futures: {}}\nsinks: {log: {}}\n")
    assert load(path, {"BASE": "default", "W": "33"}).config.pipelines["mine"].regression.window == 33
    with pytest.raises(ConfigError) as told:
        load(path, {"BASE": "s3cret", "W": "33"})
    assert "no pipeline '${BASE}'" in str(told.value)
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("when: zscore > two", 1, 16),
        ("when: 'zscore > two'", 1, 17),
        ('when: "zscore > two"', 1, 17),
        ("a: {when: zscore > two}", 1, 20),
        ("when: >\n  corr > 1 and\n  zscore > two\n", 3, 12),
        ("when: |\n  zscore > two\n", 2, 12),
        ("when: corr > 1\n   and zscore > two\n", 2, 17),
        ("when: 'it''s > 1 and zscore > two'", 1, 31),
        ('when: "\\x7ascore > two"', 1, 20),
        ('when: "a\\"b and \\u007a > two"', 1, 26),
        ('when: "corr > 1 and \\\n  zscore > two"', 2, 12),
        ('when: "a \\t > two"', 1, 7),
    ],
)
def test_a_word_of_a_text_is_where_it_stands(text: str, line: int, column: int) -> None:
    node = parse(text, "a.yaml")
    while isinstance(node.value, dict):
        (node,) = node.value.values()
    word = node.word(node.value.index("two"))
    assert (word.line, word.column) == (line, column)


def test_a_word_that_came_from_the_environment_is_where_the_text_is() -> None:
    root = parse("when: zscore > ${LEVEL}", "a.yaml")
    substitute(root, {"LEVEL": "two"}, [])
    word = root.value["when"].word(9)
    assert (word.line, word.column, word.filled is None) == (1, 7, False)
