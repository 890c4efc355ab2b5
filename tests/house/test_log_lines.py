"""What the documentation quotes of the log is what the code writes."""

import ast
import re
from functools import cache

import pytest

from tests.conftest import ROOT

QUOTED = re.compile(r"\| (?:log|`/health`): `([^`]+)`")
PLACE = re.compile(r"%[-+ 0#]*\d*(?:\.\d+)?[sdrgfi]|\d[\d,.]*")


def quoted() -> list[str]:
    """The texts that tables quote of the log or of `/health`."""
    return [text for file in sorted((ROOT / "docs").glob("*.md")) for text in QUOTED.findall(file.read_text("utf-8"))]


@cache
def literals() -> list[str]:
    """Every text of the sources, with a # in each place that is filled in."""
    trees = [ast.parse(file.read_text("utf-8")) for source in ("quantd", "plugins") for file in sorted((ROOT / source).rglob("*.py"))]
    return [PLACE.sub("#", text) for tree in trees for node in ast.walk(tree) if (text := _text(node))]


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "#" for each in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_written(text: str) -> bool:
    """Whether one text of the sources makes this quotation, in which a … or a number stands for what is filled in."""
    first, *rest = [re.escape(PLACE.sub("#", part.strip())) for part in text.split("…")]
    whole = re.compile(r".*\#.*".join([first, *rest]), re.DOTALL)
    filled = re.compile(r"\#.*" + r".*\#.*".join(rest), re.DOTALL)  # what the quotation begins with is filled in
    return any(whole.search(literal) or (rest and filled.match(literal)) for literal in literals())


@pytest.mark.parametrize("text", quoted())
def test_a_quoted_line_is_one_that_is_written(text: str) -> None:
    assert is_written(text)


def test_there_are_quotations() -> None:
    assert len(quoted()) > 20


@pytest.mark.parametrize("text", ["plugin … quarantined", "begins with its past", "9 faults in a column; left out"])
def test_a_line_that_nothing_writes_is_noticed(text: str) -> None:
    assert not is_written(text)
