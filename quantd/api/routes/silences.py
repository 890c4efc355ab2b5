"""Routes for what fires now, silences, and acknowledgements."""

from aiohttp import web

from quantd.api.context import services
from quantd.api.schema import silences as of
from quantd.api.schema import wire
from quantd.api.server.errors import Failure, answer
from quantd.config.matchers import Matchers, as_matchers
from quantd.config.texts import as_span
from quantd.services.silences import MOST_SILENCES, Acknowledged, NothingFires, SilenceOrder, TooManySilences
from quantd.times import parse_time


async def firing(request: web.Request) -> web.Response:
    """List the alerts that fire now, oldest first, with what mutes them and who knows of them."""
    return answer([of.firing(each) for each in services(request).silences.firing()])


async def listed(request: web.Request) -> web.Response:
    """List the silences, with what they mute now."""
    return answer([of.silence(each) for each in services(request).silences.all()])


async def create(request: web.Request, asked: of.SilenceBody) -> web.Response:
    """Make a silence, or show what it would mute now. What fires while it is muted and still does at the end is told then."""
    known = services(request).silences
    now = services(request).status.now()
    order = SilenceOrder(
        match=_matchers(asked.match),
        until=_until(asked, now),
        until_resolved=asked.until_resolved,
        comment=asked.comment,
        by=asked.by,
    )
    if order.until is None and not order.until_resolved:
        raise Failure(400, "A silence ends: give `for`, `until` or `until_resolved`")
    if asked.dry:
        return answer(of.dry(order, known.firing(order.match)))
    try:
        return answer(of.silence(await known.add(order)))
    except NothingFires:
        raise Failure(400, "Nothing fires that matches: give `for` or `until` instead of `until_resolved`") from None
    except TooManySilences:
        raise Failure(429, f"Too many silences: there are {MOST_SILENCES} already, end one first") from None


async def delete(request: web.Request) -> web.Response:
    """End a silence. What it muted and still fires is told."""
    silence_id = request.match_info["silence"]
    if not await services(request).silences.delete(silence_id):
        raise Failure(404, f"Silence {silence_id} not found")
    return answer(wire.Done(f"Ended silence {silence_id}"))


async def acknowledge(request: web.Request, asked: of.AckBody) -> web.Response:
    """Acknowledge a firing: nobody is reminded of it until the acknowledgement runs out, and then once more."""
    span = _span(asked.for_)
    if not span:
        raise Failure(400, "Invalid for. It is no time at all: DELETE ends an acknowledgement")
    until = services(request).status.now() + span
    return await _acknowledged(request, Acknowledged(until, asked.by, asked.comment))


async def unacknowledge(request: web.Request) -> web.Response:
    """End the acknowledgement of a firing: reminders go on."""
    return await _acknowledged(request, None)


async def _acknowledged(request: web.Request, ack: Acknowledged | None) -> web.Response:
    firing_id = request.match_info["firing"]
    found = await services(request).silences.acknowledge(firing_id, ack)
    if found is None:
        raise Failure(404, f"Nothing fires as {firing_id}")
    return answer(of.firing(found))


def _matchers(text: str) -> Matchers:
    try:
        return as_matchers(text)
    except ValueError as error:
        meant = getattr(error, "suggestion", None)
        raise Failure(400, f"Invalid match. {error}" + (f" (did you mean {meant!r}?)" if meant else "")) from None


def _until(asked: of.SilenceBody, now: int) -> int | None:
    """Return when a silence ends."""
    if asked.for_ is not None and asked.until:
        raise Failure(400, "Invalid until. Give either `until` or `for`")
    if asked.for_ is not None:
        until = now + _span(asked.for_)
    elif asked.until:
        try:
            until = parse_time(asked.until)
        except ValueError as error:
            raise Failure(400, f"Invalid until. {error}") from None
    else:
        return None
    if until <= now:
        raise Failure(400, "Invalid until. It is over already")
    return until


def _span(text: str) -> int:
    try:
        return as_span(text)
    except ValueError as error:
        raise Failure(400, f"Invalid for. {error}") from None
