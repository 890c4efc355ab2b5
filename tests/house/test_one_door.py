"""Who reads a store reads it through quantd.history."""

import ast

from quantd.plugin.base import Store
from tests.conftest import ROOT

READS = {
    *("ticks", "bars", "last_bars", "points", "newest_tick", "first_tick", "ticks_from", "span", "series"),
    *("open_to_read", "size", "tick_counts"),
}
FILES = [
    file for file in sorted((ROOT / "quantd").rglob("*.py")) if file.relative_to(ROOT / "quantd").parts[0] not in ("history", "testing")
]


def store_reads(tree: ast.AST) -> list[str]:
    """The methods of a store that are named to read it, of whatever is called `store`."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in READS]
    return [ast.unparse(node) for node in found if ast.unparse(node.value).split(".")[-1].strip("_") == "store"]


def test_the_store_is_read_by_the_history_alone() -> None:
    found = {str(file.relative_to(ROOT)): reads for file in FILES if (reads := store_reads(ast.parse(file.read_text("utf-8"))))}
    assert found == {}


def test_a_read_is_noticed() -> None:
    found = store_reads(
        ast.parse("recorder.store.bars(s, e, 0, 1)\nself._store.series('bars')\nhistory.bars(s, e, 0, 1)\nstore.append([], [], [])")
    )
    assert sorted(found) == ["recorder.store.bars", "self._store.series"]
    assert all(hasattr(Store, name) for name in READS)
