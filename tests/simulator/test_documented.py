"""What docs/simulator.md shows is so."""

import re
from pathlib import Path

from quantd.simulator.faults.catalogue import KINDS
from quantd.simulator.scenario import BUILT_IN, parse

TEXT = (Path(__file__).parents[2] / "docs/simulator.md").read_text("utf-8")


def test_the_scenario_is_one() -> None:
    (text,) = re.findall(r"```yaml\n(# storm.yaml\n.*?)```", TEXT, re.DOTALL)
    assert [step.fault.kind for step in parse(text).steps] == ["stall", "disconnect"]


def test_every_kind_of_fault_and_every_scenario_is_told() -> None:
    (table,) = re.findall(r"\| kinds \|.*?\n\n", TEXT, re.DOTALL)
    assert {kind for cells in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for kind in re.findall(r"`(\w+)`", cells)} == set(KINDS)
    assert all(f"`{path.stem}`" in TEXT for path in BUILT_IN.glob("*.yaml"))
