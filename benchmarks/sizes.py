"""Counts files, classes and functions of the sources, as docs/architecture.md shows them.

python benchmarks/sizes.py
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "quantd", ROOT / "plugins/quantd_plugins")


def lines(node: ast.AST) -> int:
    """Return the number of lines of a function or class."""
    return node.end_lineno - node.lineno + 1  # type: ignore[attr-defined]


def nodes(kinds: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """Yield all nodes of these kinds in the sources."""
    for source in SOURCES:
        for path in source.rglob("*.py"):
            yield from (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, kinds))


def row(name: str, sizes: list[int]) -> str:
    """Return one row of the table."""
    p90 = int(np.percentile(sizes, 90))
    return f"| {name} | {len(sizes):,} | {int(np.median(sizes))} | {p90} | {max(sizes)} |"


def main() -> None:
    """Print the table."""
    files = [path.read_text("utf-8").count("\n") for source in SOURCES for path in source.rglob("*.py")]
    print("| lines of | how many | median | 90 % | largest |", "|---|---|---|---|---|", sep="\n")
    print(row("files", [size for size in files if size]))
    print(row("classes", [lines(node) for node in nodes(ast.ClassDef)]))
    print(row("functions", [lines(node) for node in nodes((ast.FunctionDef, ast.AsyncFunctionDef))]))


if __name__ == "__main__":
    main()
