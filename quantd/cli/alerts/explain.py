"""`quantd alerts explain`: says what a rule saw when it fired."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config, Url

if TYPE_CHECKING:
    from quantd.api.schema.explain import ExplanationAnswer


def explain(
    firing: Annotated[str, typer.Argument(help="The id of a firing, or of a rule for its latest firing.", metavar="ID")],
    svg: Annotated[Path | None, typer.Option(help="Write a drawing to this file.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with a figure for Plotly.")] = False,
    config: Config = None,
    url: Url = None,
) -> None:
    """Ask the running daemon what a rule saw when it fired. The token is taken from QUANTD_TOKEN."""
    import msgspec

    from quantd.cli.alerts.daemon import daemon
    from quantd.cli.options import find_place
    from quantd.cli.screen import screen
    from quantd.errors import QuantdError

    if svg:
        find_place(svg)
    with daemon(config, url) as client:
        found = client.explain(firing)
        drawing = client.drawing(firing) if svg else ""
    if svg:
        try:
            svg.write_text(drawing, "utf-8")
        except OSError as error:
            raise QuantdError(f"cannot write {svg}: {error.strerror}") from None
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        screen().print(*lines(found), sep="\n", markup=False)


def lines(found: "ExplanationAnswer") -> Iterator[str]:
    """Yield an explanation for readers, a line each. What is not printable is left out: some texts come from an exchange."""
    for line in _lines(found):
        yield "".join(filter(str.isprintable, line))


def _lines(found: "ExplanationAnswer") -> Iterator[str]:
    ended = f", {found.state} {found.ended} at {_text(found.end_value)}" if found.ended else ", still firing"
    yield f"{found.id}"
    yield f"{found.text}"
    yield f"since {found.since}, fired {found.ts} at {_text(found.value)}{ended}{f' ({found.reason})' if found.reason else ''}"
    yield from (f"clause    {each.clause}: {_text(each.value)}" for each in found.clauses)
    yield "rule      " + ", ".join(f"{key}: {value}" for key, value in found.rule.items())
    if point := found.point:
        names = ("beta", "alpha", "spread", "spread_mean", "spread_std", "zscore", "corr", "coverage")
        yield f"point     {point.ts} {point.every}, {', '.join(f'{name} {_text(getattr(point, name))}' for name in names)}"
        yield f"          {point.n} bars, quality {point.quality}, revision {point.revision}"
    if bar := found.bar:
        yield f"bar       {bar.ts} {bar.every}, close {_text(bar.close)}, volume {_text(bar.volume)}, quality {bar.quality}"
    for symbol, ticks in found.ticks.items():
        yield f"trades    {symbol}: {', '.join(_text(tick.price) for tick in ticks) or 'none'}"
    yield f"config    {found.config}"


def _text(value: float | str | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.6g}"
