"""The present value of a rule is that by which it would be judged now."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from quantd.model import Metric
from quantd.testing import fakes
from quantd.testing.fakes import START
from tests.unit.services.rig import rig


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ({"of": "A-B", "when": "zscore > 2 and corr > -0.5", "every": "1m"}, 1.5),
        ({"of": "A-B", "when": "zscore > 2", "every": "5m"}, None),
        ({"of": "A-B", "when": "volume of y > 7", "every": "1m"}, 3.0),
        ({"of": "A", "when": "volume > 2", "every": "1m"}, 3.0),
        ({"of": "A", "when": "close > 2", "every": "5m"}, None),
        ({"of": "B", "when": "price > 2", "on": "tick"}, None),
        ({"of": "A-B", "when": "zscore > 2", "every": "1m", "on": "tick"}, None),
        ({"of": "A-B", "when": "zscore > 2", "every": "1m", "window": 30}, None),
    ],
)
def test_the_value(tmp_path: Path, keys: dict[str, Any], value: Metric) -> None:
    with rig(tmp_path) as at:
        point = msgspec.structs.replace(fakes.points(6, pair="A-B")[5], zscore=1.5, ts=START)
        (bar,) = fakes.flat_bars([100.0], symbol="A", volume=3.0)
        at.runtime.outputs.history.put_points([point])
        at.runtime.outputs.history.put_bars([bar])
        assert at.services.rules.add(keys).value == value
