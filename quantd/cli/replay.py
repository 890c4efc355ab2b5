"""`quantd replay`: runs recorded files through the same code as live data."""

from pathlib import Path
from typing import Annotated

import typer

Text = list[str]
Prices = Annotated[str | None, typer.Option(help="Regress prices or their logarithms.", metavar="raw|log")]
Spread = Annotated[str | None, typer.Option(help="y - beta * x, or the residual y - beta * x - alpha.", metavar="hedge|residual")]
Scores = Annotated[str | None, typer.Option("--zscore", help="How the z-score is computed.", metavar="window|ew|robust|innovation|rolling")]
Against = Annotated[
    str | None, typer.Option(help="Score a bar by the window that ends with it or by the one before.", metavar="now|before")
]
Beta = Annotated[float | None, typer.Option(help="A fixed hedge ratio.")]
Alpha = Annotated[float | None, typer.Option(help="The intercept of a fixed hedge ratio.")]


def replay(
    files: Annotated[Text, typer.Argument(help="Captures, NDJSON, aggTrades, klines, OHLC CSV or JSON; .gz, .zip.", metavar="FILE...")],
    pair: Annotated[Text | None, typer.Option(help="A pair, Y-X; may be given several times.", metavar="Y-X")] = None,
    every: Annotated[Text | None, typer.Option(help="A timeframe; may be given several times.", metavar="1s|1m|…")] = None,
    window: Annotated[int | None, typer.Option(help="Bars in the regression, correlation and z-score.")] = None,
    regression: Annotated[str | None, typer.Option(help="The regression method; `quantd plugins` lists them.")] = None,
    prices: Prices = None,
    spread: Spread = None,
    zscore: Scores = None,
    against: Against = None,
    beta: Beta = None,
    alpha: Alpha = None,
    out: Annotated[Path | None, typer.Option(help="Write bars.csv and points.csv into this folder.", metavar="DIR")] = None,
    store: Annotated[Path | None, typer.Option(help="Also record into a store in this folder.", metavar="DIR")] = None,
    pipeline: Annotated[str, typer.Option(help="The pipeline, from ./pipelines or the shipped ones.")] = "replay",
    chunk: Annotated[int, typer.Option(help="Events per batch; makes no difference to the result.", min=1)] = 1000,
) -> None:
    """Run recorded market data through quantd: bars, hedge ratios, spreads, z-scores, tests. Needs no config."""
    import os

    from quantd.backtest.overrides import Overrides, installed_plugins, overridden, replay_config, with_regression
    from quantd.cli.session import play
    from quantd.config.pipelines import Folder
    from quantd.errors import QuantdError

    if not pair:
        raise QuantdError("which pair? Name one with --pair BTCUSDT-ETHUSDT")
    node = Folder(Path("pipelines"), os.environ).node(pipeline)
    overrides = with_regression(Overrides(every, window, regression, prices, spread, zscore, against, beta, alpha), installed_plugins)
    keys = overridden(node.value, overrides) | ({"exports": [{"use": "csv", "dir": str(out)}]} if out else {})
    play(replay_config(files, pair, pipeline, node, keys, chunk, store))
