"""`quantd alerts add`: makes a rule."""

import re
from typing import Annotated, Any

import typer

from quantd.cli.options import Config, Url
from quantd.errors import QuantdError


def add(
    when: Annotated[str, typer.Argument(help="The condition, such as 'abs(zscore) > 2 and corr > 0.5'.", metavar="WHEN")],
    of: Annotated[str, typer.Option("--of", help="What it watches: a pair, or a symbol.", metavar="PAIR")],
    name: Annotated[str | None, typer.Option(help="Its name; by default the condition.")] = None,
    on: Annotated[str | None, typer.Option(help="close (closed bars, the default) or tick.")] = None,
    every: Annotated[str | None, typer.Option(help="Timeframe, such as 1m.")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="How long it must hold, such as 5m.", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option(help="The condition at which a firing resolves.", metavar="WHEN")] = None,
    keep_firing_for: Annotated[str | None, typer.Option(help="How long the end must last.", metavar="TIME")] = None,
    cooldown: Annotated[str | None, typer.Option(help="How long it does not fire again.", metavar="TIME")] = None,
    times: Annotated[str | None, typer.Option(help="How many judgements must be true, such as '3 of 5'.", metavar="N of M")] = None,
    repeat: Annotated[list[str] | None, typer.Option(help="When to remind; may be given several times.", metavar="TIME")] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends: a time, or a length of time from now on.", metavar="TIME")] = None,
    no_data: Annotated[str | None, typer.Option(help="What missing data do: keep, fire or resolve.")] = None,
    no_data_for: Annotated[str | None, typer.Option(help="How long data must be missing for that.", metavar="TIME")] = None,
    late: Annotated[bool, typer.Option("--late", help="Also tell what came and went while the daemon was down.")] = False,
    severity: Annotated[str | None, typer.Option(help="How bad it is, such as page.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="A further word for routes; may be given several times.", metavar="K=V")] = None,
    coverage: Annotated[float | None, typer.Option(help="Share of the bars that must hold every trade.")] = None,
    flapping: Annotated[str | None, typer.Option(help="off, or the flood breaker, such as '30 in 1m'.", metavar="N in TIME")] = None,
    send: Annotated[list[str] | None, typer.Option(help="A sink; may be given several times.", metavar="SINK")] = None,
    window: Annotated[int | None, typer.Option(help="Window, if not the pipeline's.")] = None,
    regression: Annotated[str | None, typer.Option(help="Regression, if not the pipeline's.")] = None,
    config: Config = None,
    url: Url = None,
) -> None:
    """Make an alert rule in the running daemon, and print its id. It stays until it is removed or expires.

    Its options are the keys of a rule in a config. The token is taken from QUANTD_TOKEN, and needs the scope write.
    """
    from quantd.cli.alerts.daemon import daemon
    from quantd.client import Refused

    conditions = {"when": when, "until": until}
    _demand_readable(conditions)
    given: dict[str, Any] = {"name": name, "on": on, "every": every, "for": lasts, "until": until, "times": times}
    given |= {"cooldown": cooldown, "expires": expires, "no_data": no_data, "no_data_for": no_data_for, "severity": severity}
    given |= {"window": window, "regression": regression, "repeat": repeat, "coverage": coverage, "send": send}
    given |= {"keep_firing_for": keep_firing_for, "late": late or None, "flapping": _breaker(flapping)}
    given["labels"] = _labels(label or []) or None
    with daemon(config, url) as client:
        try:
            made = client.make_rule(of, when, **{key: value for key, value in given.items() if value is not None})
        except Refused as error:
            raise QuantdError(_explained(str(error), conditions)) from None
    typer.echo(made.id)


def _demand_readable(conditions: dict[str, str | None]) -> None:
    """Raise QuantdError, with the wrong word marked, if a text is no condition."""
    from quantd.conditions.errors import WrongCondition, pointed
    from quantd.conditions.parse import parse_condition

    for key, text in conditions.items():
        try:
            parse_condition(text) if text else None
        except WrongCondition as error:
            assert text is not None
            raise QuantdError(f"{key} is no condition\n{pointed(text, error)}") from None


def _labels(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for key, sign, _ in pairs:
        if not sign or not key:
            raise QuantdError(f"--label: {key!r} is no label: write it like desk=crypto")
    return {key: value for key, _, value in pairs}


def _breaker(text: str | None) -> Any:
    """Return `30 in 1m` as the config writes it, and any other text as it is."""
    match = re.fullmatch(r"\s*(\d+)\s+in\s+(\w+)\s*", text or "")
    return {"changes": int(match[1]), "in": match[2]} if match else text


def _explained(refusal: str, conditions: dict[str, str | None]) -> str:
    """Return a refusal without the address, and the condition below it with a mark at the wrong word, if it names one."""
    text = re.sub(r"^\S+: \d{3} ", "", refusal)
    found = re.search(r"\b(when|until): column (\d+): ", text)
    condition = conditions.get(found[1]) if found else None
    if not found or not condition:
        return text
    at = int(found[2]) - 1
    word = re.match(r"\w+|.", condition[at:])
    return f"{text}\n{condition}\n{' ' * at}{'^' * len(word[0] if word else '^')}"
