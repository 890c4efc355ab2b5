"""`quantd replay`: recorded files through the same code as live."""

from pathlib import Path
from typing import Annotated, Any

import typer

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
    import os

    from quantd.cli.session import play
    from quantd.config.load import build
    from quantd.config.pipelines import Folder

    keys = Folder(Path("pipelines")).node(pipeline).plain
    _choose(keys, every, window, regression, out)
    raw: dict[str, Any] = {
        "pairs": [{each: pipeline} for each in _pairs(pair)],
        "feeds": {keys.get("feed", "replay"): {"files": files, "chunk": chunk}},
        "sinks": {"log": {}},
        "log": "warning",
    }
    if store:
        raw["store"] = {"use": "local", "dir": str(store.resolve())}
    play(build(raw, {pipeline: keys}, os.environ))


def _pairs(pairs: list[str] | None) -> list[str]:
    from quantd.errors import QuantdError

    if not pairs:
        raise QuantdError("which pair? Name one with --pair BTCUSDT-ETHUSDT")
    return pairs


def _choose(keys: dict[str, Any], every: list[str] | None, window: int | None, regression: str | None, out: Path | None) -> None:
    """Let the command's options override the pipeline's keys."""
    if every:
        keys["bars"] = _stage(keys.get("bars")) | {"every": every}
        keys["jobs"] = [_stage(job) | {"every": every[0]} for job in keys.get("jobs", [])]
    stage = _stage(keys.get("regression"))
    if regression and regression != stage.get("use"):
        stage = {name: value for name, value in stage.items() if name in ("window", "prices")} | {"use": regression}
    if window is not None:
        stage["window"] = window
        keys["zscore"] = {"window": window}
    keys["regression"] = stage
    if out:
        keys["exports"] = [{"use": "csv", "dir": str(out)}]


def _stage(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {"use": value}
