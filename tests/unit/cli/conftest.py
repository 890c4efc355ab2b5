"""Runs the command line as the shell does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from quantd.cli import main

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def quantd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`quantd` in an empty folder, without a terminal: its exit code and what it prints; a traceback fails the test."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("QUANTD"):
            monkeypatch.delenv(name)

    def run(*args: str, **environ: str) -> CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["quantd", *args])
        with monkeypatch.context() as patch:
            for name, text in environ.items():
                patch.setenv(name, text)
            with pytest.raises(SystemExit) as left:
                main()
        code = left.value.code
        assert code is None or isinstance(code, int)
        return CompletedProcess(args, code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """The same in a process of its own: for commands that set up logging, and for what depends on the interpreter."""

    def run(*args: str, **environ: str) -> CompletedProcess[str]:
        env = {name: text for name, text in os.environ.items() if not name.startswith("QUANTD")} | environ
        done = subprocess.run([sys.executable, "-m", "quantd", *args], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    return run
