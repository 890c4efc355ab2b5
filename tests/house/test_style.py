"""Rules of the house that a syntax tree can tell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

LONGEST_FUNCTION = 50
LONGEST_FILE = 350
LONGEST_CLASS = 200
MOST_ATTRIBUTES = 15
MOST_ARGUMENTS = 7
HEAVY = {"numba", "pandas", "pykalman", "scipy", "sklearn", "statsmodels"}
TIME = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns"}
DATE = {"now", "today", "utcnow"}

FILES = sorted(path for source in ("quantd", "plugins") for path in (ROOT / source).rglob("*.py"))
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))


def clock_reads(tree: ast.AST) -> list[int]:
    """Lines that read the machine's clock."""
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.ImportFrom) and _reads_clock(node)]


def _reads_clock(node: ast.Attribute | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "time" and any(alias.name in TIME for alias in node.names)
    owner = ast.unparse(node.value).rpartition(".")[2]
    return (owner == "time" and node.attr in TIME) or (owner in ("date", "datetime") and node.attr in DATE)


def heavy_imports(tree: ast.AST) -> list[int]:
    """Lines that import a heavy package when the module is imported."""
    return [node.lineno for node in _at_import(tree) if isinstance(node, ast.Import | ast.ImportFrom) and _imported(node) & HEAVY]


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _at_import(child)


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return {name.partition(".")[0] for name in names}


def long_functions(tree: ast.AST) -> list[str]:
    """Functions of too many lines."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION]


def large_classes(tree: ast.AST) -> list[str]:
    """Classes of too many lines, of too much state, or with too many arguments of `__init__`, each with what is too much."""
    return [text for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for text in _too_much(node)]


def _too_much(node: ast.ClassDef) -> Iterator[str]:
    lines, state = (node.end_lineno or 0) - node.lineno + 1, _assigned(node) - _fields(node)
    arguments = [len(_arguments(each)) for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    if lines > LONGEST_CLASS:
        yield f"{node.name}: {lines} lines"
    if len(state) > MOST_ATTRIBUTES:
        yield f"{node.name}: {len(state)} attributes"
    if arguments and max(arguments) > MOST_ARGUMENTS:
        yield f"{node.name}: {max(arguments)} arguments"


def _assigned(node: ast.ClassDef) -> set[str]:
    """The names that are assigned as `self.x` anywhere in a class."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)]
    return {each.attr for each in names if isinstance(each.value, ast.Name) and each.value.id == "self"}


def _fields(node: ast.ClassDef) -> set[str]:
    """The fields that the body of a struct or dataclass declares."""
    return {each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)}


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    """The arguments of a method but `self`."""
    of = node.args
    return [*of.posonlyargs, *of.args, *filter(None, (of.vararg,)), *of.kwonlyargs, *filter(None, (of.kwarg,))][1:]


def parsed(file: Path) -> ast.AST:
    return ast.parse(file.read_text(), file.name)


CLOCKS = {ROOT / "quantd/clock.py", ROOT / "quantd/simulator/clock.py"}  # two processes that share no code


@pytest.mark.parametrize("file", [file for file in FILES if file not in CLOCKS], ids=lambda file: str(file.relative_to(ROOT)))
def test_only_the_clock_reads_the_time(file: Path) -> None:
    assert clock_reads(parsed(file)) == []


@every_file
def test_nothing_heavy_is_imported_with_the_module(file: Path) -> None:
    assert heavy_imports(parsed(file)) == []


@every_file
def test_functions_are_short(file: Path) -> None:
    assert long_functions(parsed(file)) == []


@every_file
def test_files_are_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LONGEST_FILE


@every_file
def test_classes_are_small(file: Path) -> None:
    assert large_classes(parsed(file)) == []


@pytest.mark.parametrize(
    "code",
    [
        "time.time()",
        "x = time.monotonic",
        "from time import monotonic",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "def f(): return date.today()",
    ],
)
def test_reading_the_clock_is_noticed(code: str) -> None:
    assert clock_reads(ast.parse(code)) == [1]


@pytest.mark.parametrize(
    "code", ["time.sleep(1)", "clock.now()", "clock.monotonic()", "datetime.fromtimestamp(0, UTC)", "from time import gmtime"]
)
def test_other_times_are_fine(code: str) -> None:
    assert clock_reads(ast.parse(code)) == []


@pytest.mark.parametrize(
    "code", ["import pandas as pd", "from scipy.stats import norm", "if x:\n import numba", "class A:\n import sklearn.svm"]
)
def test_heavy_imports_are_noticed(code: str) -> None:
    assert len(heavy_imports(ast.parse(code))) == 1


@pytest.mark.parametrize("code", ["def f():\n import pandas", "if TYPE_CHECKING:\n import pandas", "import numpy", "from . import pandas"])
def test_late_imports_are_fine(code: str) -> None:
    assert heavy_imports(ast.parse(code)) == []


@pytest.mark.parametrize(("lines", "found"), [(LONGEST_FUNCTION - 1, []), (LONGEST_FUNCTION, ["f"])])
def test_long_functions_are_noticed(lines: int, found: list[str]) -> None:
    assert long_functions(ast.parse("class A:\n async def f():" + "\n  pass" * lines)) == found


STATE = "class A:\n def __init__(self): pass\n def f(self):\n"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("class A:\n" + " x = 1\n" * (LONGEST_CLASS - 1), []),
        ("class A:\n" + " x = 1\n" * LONGEST_CLASS, ["A: 201 lines"]),
        (STATE + "".join(f"  self.x{n} = 1\n" for n in range(MOST_ATTRIBUTES)), []),
        (STATE + "".join(f"  self.x{n} += 1\n" for n in range(MOST_ATTRIBUTES + 1)), ["A: 16 attributes"]),
        (STATE + "  (" + ", ".join(f"self.x{n}" for n in range(MOST_ATTRIBUTES + 1)) + ") = y\n", ["A: 16 attributes"]),
        (STATE + "  for self.x, self.y in z: other.a = 1\n" * (MOST_ATTRIBUTES + 1), []),
        ("class A:\n x0: int\n def f(self):\n" + "".join(f"  self.x{n} = 1\n" for n in range(MOST_ATTRIBUTES + 1)), []),
        ("class A:\n def __init__(self, a, b, c, d, *, e, f, g): pass", []),
        ("class A:\n def __init__(self, a, b, c, d, *e, f, g, **h): pass", ["A: 8 arguments"]),
    ],
)
def test_large_classes_are_noticed(code: str, found: list[str]) -> None:
    assert large_classes(ast.parse(code)) == found
