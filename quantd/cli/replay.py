"""`quantd replay`: recorded files through the same code as live."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from quantd.config.load import Loaded
    from quantd.config.yaml12 import Node

Text = list[str]
Prices = Annotated[str | None, typer.Option(help="Regress prices, or their logarithms.", metavar="raw|log")]
Spread = Annotated[str | None, typer.Option(help="y - beta * x, or what is left when alpha goes too.", metavar="hedge|residual")]
Scores = Annotated[str | None, typer.Option("--zscore", help="How the z-score is made.", metavar="rolling|ew|robust|innovation")]


def replay(
    files: Annotated[Text, typer.Argument(help="Captures, collector NDJSON, aggTrades CSV or zip, OHLC CSV; .gz too.", metavar="FILE...")],
    pair: Annotated[Text | None, typer.Option(help="A pair, Y-X; may be given several times.", metavar="Y-X")] = None,
    every: Annotated[Text | None, typer.Option(help="A timeframe; may be given several times.", metavar="1s|1m|…")] = None,
    window: Annotated[int | None, typer.Option(help="Bars in the regression, correlation and z-score.")] = None,
    regression: Annotated[str | None, typer.Option(help="The regression method; `quantd plugins` lists them.")] = None,
    prices: Prices = None,
    spread: Spread = None,
    zscore: Scores = None,
    out: Annotated[Path | None, typer.Option(help="Write bars.csv and points.csv into this folder.", metavar="DIR")] = None,
    store: Annotated[Path | None, typer.Option(help="Also record into a store in this folder.", metavar="DIR")] = None,
    pipeline: Annotated[str, typer.Option(help="The pipeline, from ./pipelines or those shipped.")] = "replay",
    chunk: Annotated[int, typer.Option(help="Events a batch; makes no difference to the result.", min=1)] = 1000,
) -> None:
    """Run recorded market data through quantd: bars, hedge ratios, spreads, z-scores, tests. Needs no config."""
    from quantd.cli.session import play
    from quantd.config.pipelines import Folder
    from quantd.errors import QuantdError

    if not pair:
        raise QuantdError("which pair? Name one with --pair BTCUSDT-ETHUSDT")
    node = Folder(Path("pipelines")).node(pipeline)
    told = Chosen(every, window, regression, prices, spread, zscore)
    keys = chosen(node.value, told) | ({"exports": [{"use": "csv", "dir": str(out)}]} if out else {})
    play(recorded(files, pair, pipeline, node, keys, chunk, store))


def recorded(
    files: list[str], pairs: list[str], pipeline: str, node: "Node", keys: Mapping[str, Any], chunk: int, store: Path | None = None
) -> "Loaded":
    """These files through a pipeline of these keys, whatever feed it names; `node` is where it was read from. Its alerts go to the log
    alone: the past must not call anybody. Raises ConfigError."""
    import os

    from quantd.config.load import as_node, build
    from quantd.config.yaml12 import Node

    raw: dict[str, Any] = {
        "pairs": [{each: pipeline} for each in pairs],
        "feeds": {"replay": {"files": files, "chunk": chunk}},
        "sinks": {"log": {}},
        "log": "warning",
    }
    if store:
        raw["store"] = {"use": "local", "dir": str(store.resolve())}
    keys = {**keys, "feed": "replay"}
    if "alerts" in keys:
        keys["alerts"] = [_stage(alert) | {"send": ["log"]} for alert in _items(keys["alerts"])]
    return build(raw, {pipeline: Node(as_node(keys).value, node.file, node.line, node.column, node.keys)}, os.environ)


class Chosen(NamedTuple):
    """What the command's options say; None is what the pipeline says."""

    every: list[str] | None = None
    window: int | None = None
    regression: str | None = None
    prices: str | None = None
    spread: str | None = None
    zscore: str | None = None


def chosen(keys: Mapping[str, Any], told: Chosen) -> dict[str, Any]:
    """A pipeline's keys, overridden by the command's options."""
    regression, zscore = _stage(keys.get("regression")), _stage(keys["zscore"]) if "zscore" in keys else {}
    if told.regression:
        regression = {name: value for name, value in regression.items() if name in ("window", "prices")} | {"use": told.regression}
    if told.window is not None:
        regression["window"] = told.window
        zscore.pop("window", None)
    if told.prices:
        regression["prices"] = told.prices
    if told.zscore:
        zscore["method"] = told.zscore
    made = {**keys, "regression": regression} | ({"spread": told.spread} if told.spread else {})
    if told.window is not None or told.zscore:
        made["zscore"] = zscore
    if told.every:
        made["bars"] = _stage(keys.get("bars")) | {"every": told.every}
        for kind in ("jobs", "alerts"):
            made[kind] = [_stage(each) | {"every": told.every[0]} for each in _items(keys.get(kind))]
    return made


def _stage(node: Any) -> dict[str, Any]:
    if isinstance(node, dict):
        return dict(node)
    return dict(node.value) if node is not None and isinstance(node.value, dict) else {"use": node}


def _items(node: Any) -> list[Any]:
    if isinstance(node, list):
        return node
    return node.value if node is not None and isinstance(node.value, list) else []
