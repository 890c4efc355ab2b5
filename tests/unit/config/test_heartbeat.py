"""The section `heartbeat:`."""

import pytest

from quantd.config.heartbeat import HeartbeatSettings
from quantd.config.load import build
from quantd.errors import ConfigError


def heartbeat(given: object) -> HeartbeatSettings:
    config = {"feeds": {"synthetic": {}}, "sinks": {"log": {}}, "heartbeat": given}
    return build(config, {}, {}).config.heartbeat


def test_its_keys() -> None:
    assert heartbeat({"send": ["log"], "every": "30s"}) == HeartbeatSettings(send=("log",), every="30s")
    assert heartbeat({}) == HeartbeatSettings()


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"send": ["lgo"]}, r"heartbeat.send\[0\]: no sink is named 'lgo'; there is log \(did you mean 'log'\?\)"),
        ({"send": ["log"], "every": "0s"}, "heartbeat.every: expected a text like 30s: a number and one of s, m, h, found '0s'"),
        ({"send": ["log"], "evry": "1s"}, r"heartbeat.evry: unknown key"),
    ],
)
def test_mistakes(given: object, mistake: str) -> None:
    with pytest.raises(ConfigError, match=mistake):
        heartbeat(given)
