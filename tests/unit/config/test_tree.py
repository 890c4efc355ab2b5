"""Variables and overrides."""

import pytest

from quantd.config.tree import override, substitute
from quantd.config.yaml12 import Node, parse
from quantd.errors import Mistake

ENVIRON = {"NAME": "value", "NUMBER": "60", "EMPTY": "", "LIST": "[1, 2]", "LONG": "9" * 30}


def substituted(text: str) -> tuple[object, list[Mistake]]:
    root, mistakes = parse(text, "f"), list[Mistake]()
    substitute(root, ENVIRON, mistakes)
    return root.plain["a"], mistakes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("${NAME}", "value"), ("x-${NAME}.y", "x-value.y"), ("${NAME}${NUMBER}", "value60"), ("${NUMBER}", 60), ("n${NUMBER}", "n60")),
        *(("${NOWHERE:-5}", 5), ("${NOWHERE:-}", None), ("${EMPTY}", None), ("x${EMPTY}", "x"), ("${LIST}", "[1, 2]")),
        *(("$$", "$"), ("$${NAME}", "${NAME}"), ("$NAME", "$NAME"), ("'${NUMBER}'", 60), ("[x, '${NAME}']", ["x", "value"])),
    ],
)
def test_variables_are_filled_in(text: str, value: object) -> None:
    assert substituted(f"a: {text}") == (value, [])


@pytest.mark.parametrize(("text", "path"), [("b: [0, '${NOWHERE}']", "a.b[1]"), ("b: x${NOWHERE}y", "a.b")])
def test_a_missing_variable_is_a_mistake(text: str, path: str) -> None:
    _, (mistake,) = substituted(f"a:\n  {text}\n")
    assert (mistake.path, mistake.line) == (path, 2)
    assert mistake.message == "the environment has no NOWHERE: set it, or write ${NOWHERE:-default}"


def test_a_variable_that_is_no_scalar_is_a_mistake() -> None:
    _, (mistake,) = substituted("a: ${LONG}")
    assert "more than 20 digits" in mistake.message


def test_keys_are_left_alone() -> None:
    root = parse("${NAME}: 1", "f")
    substitute(root, ENVIRON, [])
    assert root.plain == {"${NAME}": 1}


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
        ("a: [p]", {"QUANTD__A__1__Q": "2"}, {"a": {"1": {"q": 2}}}),
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
    assert texts[1] == "environment variable QUANTD__AA__X:1:1: no setting 'aa' (did you mean 'QUANTD__AAA__X'?)"
    assert texts[2] == "environment variable QUANTD__ZZZ:1:1: no setting 'zzz'"
    assert texts[0].startswith("environment variable QUANTD__A:1:2: not YAML")
