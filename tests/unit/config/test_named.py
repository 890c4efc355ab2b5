"""The config knows where it names which symbol, and of which feed."""

from pathlib import Path

from quantd.config.load import load

PIPELINE = "feed: {}\nbars: {{use: time, every: [1s, 1m]}}\nregression: ols\n"
CONFIG = """feeds: {synthetic: {}, other: {use: synthetic}}
pairs:
  - btcusd-ETHUSDT
  - SOLUSDT-XRPUSDT: far
symbols: [币安人生USDT]
"""


def test_each_mention_has_its_place_and_feed(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    for name, feed in (("default", "synthetic"), ("far", "other")):
        (tmp_path / f"pipelines/{name}.yaml").write_text(PIPELINE.format(feed))
    (tmp_path / "quantd.yaml").write_text(CONFIG)
    named = load(tmp_path / "quantd.yaml", {}).named
    assert [(each.symbol, each.feed, each.place.line, each.place.column, each.path) for each in named] == [
        ("BTCUSD", "synthetic", 3, 5, "pairs[0]"),
        ("ETHUSDT", "synthetic", 3, 5, "pairs[0]"),
        ("SOLUSDT", "other", 4, 5, "pairs[1]"),
        ("XRPUSDT", "other", 4, 5, "pairs[1]"),
        ("币安人生USDT", "synthetic", 5, 11, "symbols[0]"),
    ]
    text = "pairs[0]: there is no BTCUSD (did you mean 'BTCUSDT'?)"
    assert str(named[0].mistake("there is no BTCUSD", ["ETHUSDT", "BTCUSDT"])) == f"{tmp_path / 'quantd.yaml'}:3:5: {text}"
