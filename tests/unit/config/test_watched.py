"""The rules of quantd.yaml; its mistakes are those of broken/alerts_of_the_config."""

from pathlib import Path

import pytest

from quantd.config.load import load
from quantd.config.rules import WatchedRule

PIPELINE = "feed: synthetic\nregression: ols\njobs: [{use: adf, every: 1m}]\n"
CONFIG = """
feeds: {synthetic: {}}
sinks: {log: {}}
symbols: [SOLUSDT]
pairs: [BTCUSDT-ETHUSDT, {XRPUSDT-ADAUSDT: long}]
alerts:
"""


def rules(folder: Path, *lines: str) -> tuple[WatchedRule, ...]:
    (folder / "pipelines").mkdir()
    (folder / "quantd.yaml").write_text(CONFIG + "".join(f"  - {line}\n" for line in lines))
    (folder / "pipelines/default.yaml").write_text(PIPELINE + "bars: {use: time, every: [1s, 1m]}\n")
    (folder / "pipelines/long.yaml").write_text(PIPELINE + "bars: {use: time, every: [1m, 1h]}\n")
    return load(folder / "quantd.yaml", {}).config.alerts


def test_a_rule_gets_the_first_timeframe_of_its_pipeline(tmp_path: Path) -> None:
    found = rules(
        tmp_path,
        "{name: a, of: btcusdt-ethusdt, when: abs(zscore) > 2}",
        "{name: b, of: xrpusdt-adausdt, when: adf_pvalue < 0.05}",
        "{name: c, of: ethusdt, when: volume > 5}",
        "{name: d, of: adausdt, when: 'abs(move(price, 5)) > 2%', every: 1h, send: [log], on: close}",
        "{name: e, of: solusdt, when: price crosses above 200, on: tick}",
    )
    assert [(each.of, each.every) for each in found] == [
        ("BTCUSDT-ETHUSDT", "1s"),
        ("XRPUSDT-ADAUSDT", "1m"),
        ("ETHUSDT", "1s"),
        ("ADAUSDT", "1h"),
        ("SOLUSDT", "1s"),
    ]


@pytest.mark.parametrize("text", ["alerts:\n", "alerts: []\n"])
def test_there_may_be_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "quantd.yaml").write_text(text)
    assert load(tmp_path / "quantd.yaml", {}).config.alerts == ()
