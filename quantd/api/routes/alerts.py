"""Routes for alert rules and firings."""

from aiohttp import web

from quantd.api.context import services
from quantd.api.routes import checks
from quantd.api.routes.rules import with_room
from quantd.api.schema import requests, wire
from quantd.api.schema.contract import METRICS, OPERATORS, in_contract_words
from quantd.api.server.errors import Failure, answer
from quantd.conditions.model import Compare, Term
from quantd.config.bounds import LIVE, mistake
from quantd.errors import QuantdError
from quantd.services.symbols import Symbols


async def create(request: web.Request, asked: requests.RuleBody) -> web.Response:
    """Create a rule."""
    metric, op = METRICS.get(asked.metric.lower()), OPERATORS.get(asked.op)
    if metric is None:
        raise Failure(400, f"Invalid metric. Must be one of: {list(METRICS)}")
    if op is None:
        raise Failure(400, f"Invalid operator. Must be one of: {list(OPERATORS)}")
    if text := mistake(Compare(Term(metric), op, asked.value), LIVE):
        raise Failure(400, f"Invalid value. {in_contract_words(text)}")
    subject = _subject(services(request).symbols, metric, asked.pair)
    owner = with_room(request)
    try:
        return answer(wire.rule(services(request).alerts.add(metric, subject, op, asked.value, owner)))
    except QuantdError as error:
        raise Failure(400, f"Invalid pair {asked.pair}. {error}") from None


def _subject(symbols: Symbols, metric: str, text: str) -> str:
    """Return what a rule watches: a pair, or, for a price, one symbol, which the frontend may also write as A-A."""
    if metric == "price" and "-" not in text:
        return checks.symbol(symbols, text)
    if not (legs := checks.legs(text)):
        raise Failure(400, f"Invalid pair {text}. Must be two symbols as in BTCUSDT-ETHUSDT")
    y, x = (checks.symbol(symbols, leg) for leg in legs)
    if y != x and metric == "price":
        raise Failure(400, f"Invalid pair {text}. A price is that of one symbol: name {y} or {x}")
    if y == x and metric != "price":
        raise Failure(400, f"Invalid pair {text}. Its legs are the same symbol")
    return y if metric == "price" else f"{y}-{x}"


async def listed(request: web.Request) -> web.Response:
    """List the rules that were made by request."""
    return answer([wire.rule(each) for each in services(request).alerts.rules()])


async def from_pipelines(request: web.Request) -> web.Response:
    """List the rules of pipelines."""
    return answer([wire.pipeline_rule(each) for each in services(request).alerts.pipeline_rules()])


async def active(request: web.Request, asked: requests.LimitQuery) -> web.Response:
    """List the latest firings, newest last; they survive a restart."""
    fired = [wire.fired(each) for each in wire.firings(services(request).alerts.fired())]
    return answer(fired if asked.limit is None else fired[-asked.limit :])


async def clear(request: web.Request) -> web.Response:
    """Remove the latest firings."""
    services(request).alerts.clear_fired()
    return answer(wire.Done("Cleared triggered alerts"))


async def one(request: web.Request) -> web.Response:
    """Return one rule."""
    rule_id = request.match_info["id"]
    for rule in services(request).alerts.rules():
        if rule.id == rule_id:
            return answer(wire.rule(rule))
    raise _unknown(rule_id)


async def delete(request: web.Request) -> web.Response:
    """Delete a rule."""
    rule_id = request.match_info["id"]
    if not services(request).alerts.delete(rule_id):
        raise _unknown(rule_id)
    return answer(wire.Done(f"Deleted alert {rule_id}"))


def _unknown(rule_id: str) -> Failure:
    return Failure(404, f"Alert {rule_id} not found")
