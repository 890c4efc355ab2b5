"""A reader finds the test of a module by its name, or in the table of tests/README.md."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROW = re.compile(r"^\| `([^`]+\.py)` \|", re.MULTILINE)
TESTS = ROOT / "tests"
ELSEWHERE = {"house", "peers"}
"""Folders whose files are about no module of ours."""


def modules() -> set[str]:
    """The names of all modules and packages."""
    files = [file for source in ("quantd", "plugins") for file in (ROOT / source).rglob("*.py")]
    return {file.parent.name if file.stem == "__init__" else file.stem for file in files}


def nameless(files: list[Path]) -> set[str]:
    """Those of these test files whose name is not that of a module, below `tests`."""
    known = modules()
    named = [file for file in files if not ELSEWHERE & set(file.relative_to(TESTS).parts)]
    return {str(file.relative_to(TESTS)) for file in named if file.stem.removeprefix("test_").removeprefix("binance_") not in known}


def rows() -> list[str]:
    return ROW.findall((TESTS / "README.md").read_text("utf-8"))


def test_each_test_file_is_named_after_a_module_or_has_a_row() -> None:
    assert nameless(sorted(TESTS.rglob("test_*.py"))) - set(rows()) == set()


@pytest.mark.parametrize("row", rows())
def test_each_row_is_of_a_file(row: str) -> None:
    assert (TESTS / row).is_file()


def test_a_file_without_a_module_is_noticed() -> None:
    files = [TESTS / name for name in ("unit/test_clock.py", "plugins/feeds/test_binance_frames.py", "unit/test_nonesuch.py")]
    assert nameless(files) == {"unit/test_nonesuch.py"}
