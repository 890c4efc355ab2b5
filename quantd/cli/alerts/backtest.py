"""`quantd alerts backtest`: says when an alert rule would have fired, and how to make it calmer."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config

if TYPE_CHECKING:
    from quantd.flow.alerts.rule import AlertRule
    from quantd.hindsight.model import PastQuestion, Report

Files = Annotated[
    list[str] | None, typer.Option(help="Judge it over this file, as for `quantd replay`; may be given several times.", metavar="FILE")
]


def backtest(
    rule: Annotated[str, typer.Argument(help="A rule's name or id, or a condition such as 'abs(zscore) > 2'.", metavar="NAME|CONDITION")],
    of: Annotated[str, typer.Option(help="The pair or symbol; needed for a condition.", metavar="Y-X|SYMBOL")] = "",
    every: Annotated[str, typer.Option(help="The timeframe; by default the rule's, or 1m.", metavar="1s|1m|…")] = "",
    last: Annotated[str, typer.Option(help="How far back to look.", metavar="24h")] = "24h",
    since: Annotated[str | None, typer.Option("--from", help="Judge from this time on: ISO 8601 or ms, UTC.", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Judge bars that open before this time.", metavar="TIME")] = None,
    replay: Files = None,
    pipeline: Annotated[str, typer.Option(help="The pipeline of the files.")] = "replay",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
) -> None:
    """Judge a rule over the past: the points that the daemon has recorded, also while it runs, or files. Nobody is told."""
    from quantd.cli.alerts.past_tables import show
    from quantd.hindsight.model import PastQuestion

    start, end = _span(last, since, until)
    asked = PastQuestion(rule, of, every, start, end)
    reports = _of_files(replay, asked, pipeline, config) if replay else _of_record(asked, config)
    show(reports, as_json=as_json, of_files=bool(replay))


def _span(last: str, since: str | None, until: str | None) -> tuple[int, int | None]:
    from quantd.cli.options import times
    from quantd.clock import SystemClock
    from quantd.config.texts import as_span
    from quantd.errors import checked

    start, end = times(since, until)
    length = checked("--last", as_span, last)
    return max((end or SystemClock().now()) - length, 0) if start is None else start, end


def _of_record(asked: "PastQuestion", config: Path | None) -> "list[Report]":
    from quantd.cli.options import recorded
    from quantd.errors import QuantdError
    from quantd.hindsight.of_config import rules_of_config
    from quantd.hindsight.past import judged_past

    with recorded(config, "name a file with --replay, or ") as (loaded, history):
        rules = _rules(asked, rules_of_config(loaded.config))
        try:
            return judged_past(history, rules, asked.start, asked.end)
        except ValueError as error:
            raise QuantdError(str(error)) from None


def _rules(asked: "PastQuestion", known: "Sequence[AlertRule]") -> "list[AlertRule]":
    from quantd.conditions.errors import WrongCondition, pointed
    from quantd.errors import QuantdError
    from quantd.hindsight.past import rules_of

    try:
        return rules_of(asked, known)
    except WrongCondition as error:
        raise QuantdError(f"this is no condition:\n{pointed(asked.rule, error)}") from None
    except ValueError as error:
        raise QuantdError(str(error)) from None


def _of_files(files: list[str], asked: "PastQuestion", pipeline: str, config: Path | None) -> "list[Report]":
    import os

    from quantd.config.load import load
    from quantd.errors import QuantdError
    from quantd.hindsight.of_config import rules_of_config
    from quantd.hindsight.past import is_name

    rules = _rules(asked, rules_of_config(load(config, os.environ).config) if is_name(asked.rule) else ())
    if not any("-" in rule.on for rule in rules):
        raise QuantdError("over files, rules on pairs are judged: leave --replay out for one on a symbol")
    reports = [made for rule in rules if "-" in rule.on and (made := _replayed(files, rule, pipeline))]
    if not reports:
        raise QuantdError(f"the files have no point of {', '.join(f'{rule.on} on {rule.rule.every} bars' for rule in rules)}")
    return reports


def _replayed(files: list[str], rule: "AlertRule", pipeline: str) -> "Report | None":
    import os

    from quantd.backtest.overrides import Overrides, overridden, replay_config
    from quantd.cli.session import faults_of, run_to_end
    from quantd.config.pipelines import Folder
    from quantd.errors import QuantdError
    from quantd.hindsight.of_files import Replayed

    node = Folder(Path("pipelines"), os.environ).node(pipeline)
    keys = overridden(node.value, Overrides([rule.rule.every]))
    wanted = {key: keys[key] for key in keys.keys() - {"alerts", "exports"}}
    replayed = Replayed(rule)
    runtime = run_to_end(replay_config(files, [rule.on], pipeline, node, wanted, 1000), replayed.prepare)
    for fault in faults_of(runtime):
        typer.echo(fault, err=True)
    try:
        return replayed.report()
    except ValueError as error:
        raise QuantdError(str(error)) from None
