"""Variables and overrides."""

import pytest

from quantd.config.node import Node
from quantd.config.tree import override, substitute
from quantd.config.yaml12 import parse
from quantd.errors import Mistake

ENVIRON = {"NAME": "value", "NUMBER": "60", "EMPTY": "", "LIST": "[1, 2]", "LONG": "9" * 30}


def substituted(text: str) -> tuple[object, list[Mistake]]:
    root, mistakes = parse(text, "f"), list[Mistake]()
    substitute(root, ENVIRON, mistakes)
    return root.plain["a"], mistakes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("${NAME}", "value"), ("x-${NAME}.y", "x-value.y"), ("${NAME}${NUMBER}", "value60"), ("${NUMBER}", "60"), ("n${NUMBER}", "n60")),
        *(("${NOWHERE:-5}", "5"), ("${NOWHERE:-}", ""), ("${EMPTY}", ""), ("x${EMPTY}", "x"), ("${LIST}", "[1, 2]")),
        *(("$$", "$"), ("$${NAME}", "${NAME}"), ("$5", "$5"), ("'${NUMBER}'", "60"), ("[x, '${NAME}']", ["x", "value"])),
        *(("[x, ${NAME}]", ["x", "value"]), ("{b: ${NAME}/x, c: 1}", {"b": "value/x", "c": 1}), ("[$${NAME}]", ["${NAME}"])),
        *(("{b: ${NOWHERE:-x:y}}", {"b": "x:y"}), ("|\n  ${NAME}", "value"), ("pa$$word", "pa$word"), ("^a$", "^a$")),
    ],
)
def test_variables_are_filled_in(text: str, value: object) -> None:
    assert substituted(f"a: {text}") == (value, [])


@pytest.mark.parametrize(("text", "path"), [("b: [0, '${NOWHERE}']", "a.b[1]"), ("b: x${NOWHERE}y", "a.b")])
def test_a_missing_variable_is_a_mistake(text: str, path: str) -> None:
    _, (mistake,) = substituted(f"a:\n  {text}\n")
    assert (mistake.path, mistake.line) == (path, 2)
    assert mistake.message == "the environment has no NOWHERE: set it, or write ${NOWHERE:-default}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$HOME/x", "$HOME is no variable: write ${HOME}, or $$HOME if a dollar is meant"),
        ("x/$NAME.d", "$NAME is no variable: write ${NAME}, or $$NAME if a dollar is meant"),
        ("${NAME", "${NAME is no variable: write ${NAME}, or $${NAME if a dollar is meant"),
        ("'${NA-ME}'", "${NA-ME} is no variable: write ${NAME} or ${NAME:-default}, or $${NA-ME} if a dollar is meant"),
        ("'${}'", "${} is no variable: write ${NAME} or ${NAME:-default}, or $${} if a dollar is meant"),
    ],
)
def test_what_is_nearly_a_variable_is_a_mistake(text: str, message: str) -> None:
    _, (mistake,) = substituted(f"a: {text}")
    assert (mistake.line, mistake.column, mistake.message) == (1, 4, message)


def test_a_key_is_not_filled_in() -> None:
    root, mistakes = parse("a: {${NAME}: 1}", "f"), list[Mistake]()
    substitute(root, ENVIRON, mistakes)
    assert root.plain == {"a": {"${NAME}": 1}}
    assert [str(each) for each in mistakes] == [
        "f:1:5: a.${NAME}: a key is not filled in from the environment: write what ${NAME} stands for"
    ]


def test_what_stands_in_no_file_is_left_alone() -> None:
    root = Node({"a": Node("${NAME}", "<command line>", 0)}, "f")
    substitute(root, ENVIRON, [])
    assert root.plain == {"a": "${NAME}"}


def overridden(text: str, **environ: str) -> object:
    root, mistakes = parse(text, "f"), list[Mistake]()
    override(root, environ, ["a"], mistakes)
    assert not mistakes
    return root.plain


@pytest.mark.parametrize(
    ("text", "environ", "value"),
    [
        ("a: 1", {"QUANTD__A": "2"}, {"a": 2}),
        ("", {"QUANTD__A__X__Y": "[1]"}, {"a": {"x": {"y": [1]}}}),
        ("a: {X-y: 1, z: 2}", {"QUANTD__A__X_Y": "3"}, {"a": {"X-y": 3, "z": 2}}),
        ("a:", {"QUANTD__A__X": "text"}, {"a": {"x": "text"}}),
        ("a: local", {"QUANTD__A__DIR": "d"}, {"a": {"use": "local", "dir": "d"}}),
        ("a: [p, {q: 1}]", {"QUANTD__A__1__Q": "2", "QUANTD__A__0": "r"}, {"a": ["r", {"q": 2}]}),
        ("a: [p]", {"QUANTD__A__1__Q": "2"}, {"a": ["p", {"q": 2}]}),
        ("a: [p]", {f"QUANTD__A__{place}": str(place) for place in range(11)}, {"a": list(range(11))}),
        ("a: [p]", {"QUANTD__A__X": "2"}, {"a": {"x": 2}}),
        ("a: 1", {"QUANTD__A": "", "QUANTD_A": "9", "quantd__a": "9"}, {"a": ""}),
        ("a: 1", {"QUANTD__A": "${NAME}"}, {"a": "${NAME}"}),
    ],
)
def test_the_environment_overrides(text: str, environ: dict[str, str], value: object) -> None:
    assert overridden(text, **environ) == value


def test_what_is_not_known_is_a_mistake() -> None:
    mistakes: list[Mistake] = []
    override(parse("", "f"), {"QUANTD__AA__X": "1", "QUANTD__ZZZ": "1", "QUANTD__A": "["}, ("aaa", "a"), mistakes)
    texts = [str(mistake) for mistake in mistakes]
    assert texts[0] == "environment variable QUANTD__AA__X:1:1: no setting 'aa' (did you mean 'QUANTD__AAA__X'?)"
    assert texts[1] == "environment variable QUANTD__ZZZ:1:1: no setting 'zzz'"
    assert len(texts) == 2


def test_a_place_far_behind_a_lists_end_is_a_mistake() -> None:
    mistakes: list[Mistake] = []
    override(parse("a: [x, y]", "f"), {"QUANTD__A__3": "z", "QUANTD__A__4__Q": "z"}, ["a"], mistakes)
    text = "there is no place 3: the list has 2, counted from 0, and takes one more behind them"
    assert str(mistakes[0]) == f"environment variable QUANTD__A__3:1:1: {text}"
    assert len(mistakes) == 2


def test_what_makes_a_list_a_mapping_is_where_that_stands() -> None:
    root = parse("a: [x]", "f")
    override(root, {"QUANTD__A__B": "z"}, ["a"], [])
    assert root.value["a"].file == "environment variable QUANTD__A__B"
