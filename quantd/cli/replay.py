"""`quantd replay`: recorded files through the same code as live."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from quantd.config.load import Loaded
    from quantd.config.node import Node
    from quantd.plugin.registry import Registry

Text = list[str]
Prices = Annotated[str | None, typer.Option(help="Regress prices, or their logarithms.", metavar="raw|log")]
Spread = Annotated[str | None, typer.Option(help="y - beta * x, or what is left when alpha goes too.", metavar="hedge|residual")]
Scores = Annotated[str | None, typer.Option("--zscore", help="How the z-score is made.", metavar="window|ew|robust|innovation|rolling")]
Against = Annotated[
    str | None, typer.Option(help="Score a bar by the window that ends with it, or by the one before.", metavar="now|before")
]
Beta = Annotated[float | None, typer.Option(help="A hedge ratio that is fixed.")]
Alpha = Annotated[float | None, typer.Option(help="The intercept of a hedge ratio that is fixed.")]


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
    pipeline: Annotated[str, typer.Option(help="The pipeline, from ./pipelines or those shipped.")] = "replay",
    chunk: Annotated[int, typer.Option(help="Events a batch; makes no difference to the result.", min=1)] = 1000,
) -> None:
    """Run recorded market data through quantd: bars, hedge ratios, spreads, z-scores, tests. Needs no config."""
    import os

    from quantd.cli.session import play
    from quantd.config.pipelines import Folder
    from quantd.errors import QuantdError

    if not pair:
        raise QuantdError("which pair? Name one with --pair BTCUSDT-ETHUSDT")
    node = Folder(Path("pipelines"), os.environ).node(pipeline)
    told = settled(Chosen(every, window, regression, prices, spread, zscore, against, beta, alpha), plugins_at_hand)
    keys = chosen(node.value, told) | ({"exports": [{"use": "csv", "dir": str(out)}]} if out else {})
    play(recorded(files, pair, pipeline, node, keys, chunk, store))


def recorded(
    files: list[str], pairs: list[str], pipeline: str, node: "Node", keys: Mapping[str, Any], chunk: int, store: Path | None = None
) -> "Loaded":
    """These files through a pipeline of these keys, whatever feed it names; `node` is where it was read from. Its alerts go to the log
    alone: the past must not call anybody. Raises ConfigError."""
    import os

    from quantd.config.load import as_node, build
    from quantd.config.node import Node

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
    against: str | None = None
    beta: float | None = None
    alpha: float | None = None

    @property
    def fixed(self) -> dict[str, float]:
        """The hedge that is fixed, if one is."""
        return _given({"beta": self.beta, "alpha": self.alpha})


def plugins_at_hand() -> "Registry":
    """The plugins that a command without a config uses: the installed ones and those of ./plugins."""
    from quantd.config.load import plugins_of

    return plugins_of(None, Path(), []).registry


def settled(told: Chosen, registry: Callable[[], "Registry"]) -> Chosen:
    """The options, of which a fixed hedge names the regression that takes it. Raises QuantdError where the two do not go together."""
    from quantd.errors import QuantdError

    if not told.fixed:
        return told
    takers = registry().of_given_hedge()
    if not takers:
        raise QuantdError("--beta, --alpha: no regression takes a hedge that is fixed")
    if told.regression not in (None, *takers):
        raise QuantdError(f"--regression: {told.regression} finds a hedge of its own: leave out --beta and --alpha, or take {takers[0]}")
    if told.beta is None:
        raise QuantdError("--alpha: is that of a fixed hedge: add --beta")
    return told._replace(regression=told.regression or takers[0])


def chosen(keys: Mapping[str, Any], told: Chosen) -> dict[str, Any]:
    """A pipeline's keys, overridden by the command's options."""
    stage = _stage(keys.get("regression"))
    regression = regressed(stage, told, same=told.regression in (None, _named(stage))) | _given({"use": told.regression})
    made = {**keys, "regression": regression} | ({"spread": told.spread} if told.spread else {})
    if told.window is not None or told.zscore or told.against:
        made["zscore"] = scored(_stage(keys["zscore"]) if "zscore" in keys else {}, told)
    if told.every:
        made["bars"] = _stage(keys.get("bars")) | {"every": told.every}
        for kind in ("jobs", "alerts"):
            made[kind] = [_stage(each) | {"every": told.every[0]} for each in _items(keys.get(kind))]
    return made


def regressed(settings: Mapping[str, Any], told: Chosen, *, same: bool) -> dict[str, Any]:
    """A regression's settings as the options say; of those of another regression, which is not the `same`, only what each has is kept."""
    kept = {name: value for name, value in settings.items() if same or name in ("window", "prices")}
    return kept | _given({"window": told.window, "prices": told.prices}) | told.fixed


def scored(settings: Mapping[str, Any], told: Chosen) -> dict[str, Any]:
    """A z-score's settings as the options say: its window is that of the regression where that is told."""
    dropped = {"window": told.window is not None, "halflife": told.zscore not in (None, "ew")}
    kept = {name: value for name, value in settings.items() if not dropped.get(name)}
    return kept | _given({"method": told.zscore, "against": told.against})


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _stage(node: Any) -> dict[str, Any]:
    if isinstance(node, dict):
        return dict(node)
    return dict(node.value) if node is not None and isinstance(node.value, dict) else {"use": node}


def _named(regression: Mapping[str, Any]) -> Any:
    use = regression.get("use")
    return getattr(use, "value", use)


def _items(node: Any) -> list[Any]:
    if isinstance(node, list):
        return node
    return node.value if node is not None and isinstance(node.value, list) else []
