"""Runs the command line inside the test's process, and leaves its log as it was."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from quantd.cli import app

Replay = Callable[..., Result]


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    """`quantd replay FILES ... OPTIONS` in a temporary folder; fails the test unless it ends well."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(files: list[Path], *options: object) -> Result:
        result = CliRunner().invoke(app, ["replay", *map(str, [*files, *options])], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
