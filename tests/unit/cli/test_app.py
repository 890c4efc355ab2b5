import json
import subprocess
import sys

import pytest

from quantd.config.load import KEYS
from tests.unit.cli.conftest import Run

COMMANDS = ["check", "demo", "export", "init", "plugins", "replay", "schema"]
FAILING = """
import sys
from quantd import cli
from quantd.errors import QuantdError

@cli.app.command()
def fail() -> None:
    raise {error}

sys.argv = ["quantd", "fail"]
cli.main()
"""


def test_help_names_every_command(quantd: Run) -> None:
    done = quantd("--help")
    assert done.returncode == 0
    assert set(COMMANDS) <= set(done.stdout.split())
    assert all(quantd(command, "--help").returncode == 0 for command in COMMANDS)


@pytest.mark.parametrize("args", [["chekc"], ["check", "--nope"], ["check", "surplus"], ["schema", "x"], ["replay"]])
def test_wrong_usage_is_told(quantd: Run, args: list[str]) -> None:
    done = quantd(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: quantd" in done.stderr


def run(error: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", FAILING.format(error=error)], capture_output=True, text=True, check=False)


def test_what_the_operator_can_mend_is_a_line() -> None:
    done = run("QuantdError('no disk: buy one')")
    assert (done.returncode, done.stderr) == (2, "quantd: no disk: buy one\n")


def test_an_interruption_is_no_failure_of_ours() -> None:
    done = run("KeyboardInterrupt")
    assert (done.returncode, done.stderr.strip()) == (130, "")


def test_the_version_is_told(quantd: Run) -> None:
    assert quantd("--version").stdout.startswith("quantd ")


def test_the_schema_is_printed(quantd: Run) -> None:
    assert set(json.loads(quantd("schema").stdout)["properties"]) == set(KEYS)
    assert "regression" in json.loads(quantd("schema", "pipeline").stdout)["properties"]
    assert "/health" in json.loads(quantd("schema", "openapi").stdout)["paths"]
    assert "topic-bar" in json.loads(quantd("schema", "asyncapi").stdout)["channels"]


@pytest.mark.parametrize(
    "command", ["run", "check", "plugins", "schema", "backtest --pair A-B", "export ticks --symbol A", "export bars --symbol A"]
)
@pytest.mark.parametrize("option", ["-c", "--config"])
def test_every_command_that_reads_a_config_takes_its_name(quantd: Run, command: str, option: str) -> None:
    done = quantd(*command.split(), option, "gone.yaml")
    assert (done.returncode, done.stderr) == (2, "quantd: gone.yaml: no such file\n")


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        (["chekc"], "check"),
        (["stauts"], "status"),
        (["export", "tick"], "ticks"),
        (["replay", "x", "--pair", "A-B", "--pipeline", "robsut"], "robust"),
    ],
)
def test_what_was_probably_meant_is_told(quantd: Run, args: list[str], meant: str) -> None:
    assert f"did you mean '{meant}'?" in quantd(*args).stderr.lower()
