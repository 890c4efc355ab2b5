"""Routes for alert rules in the full grammar."""

import msgspec
from aiohttp import web

from quantd.api.access.caller import caller
from quantd.api.context import SETTINGS, services
from quantd.api.schema import rules as schema
from quantd.api.schema import wire
from quantd.api.server.errors import Failure, answer
from quantd.errors import ConfigError, Mistake, QuantdError


async def create(request: web.Request, asked: schema.RuleOrder) -> web.Response:
    """Make a rule in the full grammar of conditions.

    Its keys are those of a rule in a pipeline, and are checked in the same way: `detail` has a line for each mistake. A condition's
    mistake names the column of the wrong word.
    """
    given = msgspec.json.decode(await request.read())  # the struct has lost the keys that are not known
    owner = with_room(request)
    try:
        return answer(schema.rule(services(request).rules.add(given, owner)))
    except ConfigError as error:
        raise Failure(400, "\n".join(map(_told, error.mistakes))) from None
    except QuantdError as error:
        raise Failure(400, str(error)) from None


async def listed(request: web.Request) -> web.Response:
    """List all rules: those of pipelines, of quantd.yaml, and those made by request."""
    return answer([schema.rule(each) for each in services(request).rules.all()])


async def one(request: web.Request) -> web.Response:
    """Return one rule, and its present state."""
    rule_id = request.match_info["rule"]
    known = services(request).rules.find(rule_id)
    if known is None:
        raise _unknown(rule_id)
    return answer(schema.rule(known))


async def delete(request: web.Request) -> web.Response:
    """Delete a rule that was made by request."""
    rule_id, known = request.match_info["rule"], services(request)
    if not (known.rules.delete(rule_id) or known.alerts.delete(rule_id)):
        found = known.rules.find(rule_id)
        if found is None:
            raise _unknown(rule_id)
        where = "under `alerts:` of quantd.yaml" if found.origin == "config" else "in a pipeline"
        raise Failure(400, f"Rule {rule_id} stands {where}: take it out there")
    return answer(wire.Done(f"Deleted rule {rule_id}"))


def with_room(request: web.Request) -> str:
    """Return the key under which the caller is counted. Raises Failure if it has as many rules as it may have."""
    owner, most = caller(request).account, request.app[SETTINGS].limits.rules
    known = services(request)
    if sum(rule.owner == owner for rule in known.alerts.rules()) + known.rules.owned(owner) >= most:
        raise Failure(429, f"Too many rules: you have {most} already, delete one first")
    return owner


def _told(mistake: Mistake) -> str:
    hint = f" (did you mean {mistake.suggestion!r}?)" if mistake.suggestion else ""
    return f"{mistake.path}: {mistake.message}{hint}" if mistake.path else mistake.message + hint


def _unknown(rule_id: str) -> Failure:
    return Failure(404, f"Rule {rule_id} not found")
