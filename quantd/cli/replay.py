"""`quantd replay`: recorded files through the same code as live."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from quantd.config.load import Loaded
    from quantd.config.yaml12 import Node

Text = list[str]


def replay(
    files: Annotated[Text, typer.Argument(help="Captures, collector NDJSON, aggTrades CSV or zip, OHLC CSV; .gz too.", metavar="FILE...")],
    pair: Annotated[Text | None, typer.Option(help="A pair, Y-X; may be given several times.", metavar="Y-X")] = None,
    every: Annotated[Text | None, typer.Option(help="A timeframe; may be given several times.", metavar="1s|1m|…")] = None,
    window: Annotated[int | None, typer.Option(help="Bars in the regression, correlation and z-score.")] = None,
    regression: Annotated[str | None, typer.Option(help="The regression method; `quantd plugins` lists them.")] = None,
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
    keys = chosen(node.value, every, window, regression) | ({"exports": [{"use": "csv", "dir": str(out)}]} if out else {})
    play(recorded(files, pair, pipeline, node, keys, chunk, store))


def recorded(
    files: list[str], pairs: list[str], pipeline: str, node: "Node", keys: Mapping[str, Any], chunk: int, store: Path | None = None
) -> "Loaded":
    """These files through a pipeline of these keys; `node` is where it was read from. Raises ConfigError."""
    import os

    from quantd.config.load import as_node, build
    from quantd.config.yaml12 import Node

    feed = node.value.get("feed")
    raw: dict[str, Any] = {
        "pairs": [{each: pipeline} for each in pairs],
        "feeds": {feed.value if feed else "replay": {"files": files, "chunk": chunk}},
        "sinks": {"log": {}},
        "log": "warning",
    }
    if store:
        raw["store"] = {"use": "local", "dir": str(store.resolve())}
    return build(raw, {pipeline: Node(as_node(keys).value, node.file, node.line, node.column, node.keys)}, os.environ)


def chosen(keys: Mapping[str, Any], every: list[str] | None, window: int | None, regression: str | None) -> dict[str, Any]:
    """A pipeline's keys, overridden by the command's options."""
    stage = _stage(keys.get("regression"))
    if regression:
        stage = {name: value for name, value in stage.items() if name in ("window", "prices")} | {"use": regression}
    told = {**keys, "regression": stage}
    if window is not None:
        stage["window"] = window
        told.pop("zscore", None)
    if every:
        told["bars"] = _stage(keys.get("bars")) | {"every": every}
        told["jobs"] = [_stage(job) | {"every": every[0]} for job in _items(keys.get("jobs"))]
        told["alerts"] = [_stage(alert) | {"every": every[0]} for alert in _items(keys.get("alerts"))]
    return told


def _stage(node: Any) -> dict[str, Any]:
    return dict(node.value) if node is not None and isinstance(node.value, dict) else {"use": node}


def _items(node: Any) -> list[Any]:
    return node.value if node is not None and isinstance(node.value, list) else []
