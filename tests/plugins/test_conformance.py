"""Every registered plugin passes the checks; what is installed beside quantd is tested too."""

import ast
from pathlib import Path

import pytest

import quantd_plugins
from quantd.plugin.loader import load
from quantd.testing.checks import Check, checks_for

REGISTRY = load()
CASES = [
    pytest.param(verify, id=f"{entry.kind}-{entry.name}-{name}")
    for entry in REGISTRY.entries()
    for name, verify in checks_for(entry.plugin).items()
]
BUNDLED = Path(quantd_plugins.__file__).parent


@pytest.mark.parametrize("verify", CASES)
def test_conforms(verify: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    verify()


def test_all_plugins_load() -> None:
    assert REGISTRY.faults == []


def test_every_bundled_plugin_is_an_entry_point() -> None:
    offered = {entry.plugin.__module__ for entry in REGISTRY.entries()}
    modules = {".".join(path.relative_to(BUNDLED.parent).with_suffix("").parts) for path in BUNDLED.rglob("*.py") if _offers_plugins(path)}
    assert modules - offered == set()


def _offers_plugins(path: Path) -> bool:
    """Whether a module implements a hook."""
    tree = ast.parse(path.read_text("utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name.startswith("register_") for node in tree.body)
