"""Routes that explain firings, and judge rules over the past."""

from aiohttp import web

from quantd.api.context import asker, services
from quantd.api.schema import requests
from quantd.api.schema.explain import explanation_answer, past_rule
from quantd.api.server.errors import Failure, answer
from quantd.api.server.params import moment
from quantd.config.texts import as_span
from quantd.services.explain import PastQuestion
from quantd.services.record import NotRecorded


async def one(request: web.Request, asked: requests.ExplainQuery) -> web.Response:
    """Return why a rule fired, by the id of the firing, or of the rule for its latest firing."""
    firing = request.match_info["firing"]
    known = services(request).explain.explanation(firing)
    if known is None:
        raise Failure(404, f"Nothing is known of the firing {firing}: the latest 1,000 can be explained")
    if asked.format == "svg":
        return web.Response(text=services(request).explain.svg(firing), content_type="image/svg+xml")
    return answer(explanation_answer(known))


async def past(request: web.Request, asked: requests.PastQuery) -> web.Response:
    """Return what a rule would have told over the record, for each pair that has it."""
    start, end = moment("since", asked.since), moment("until", asked.until)
    try:
        start = start if start is not None else (end or services(request).status.now()) - as_span(asked.last)
        question = PastQuestion(asked.rule, asked.of, asked.every, max(start, 0), end)
        reports = await services(request).explain.past(question, asker(request))
    except (ValueError, NotRecorded) as error:
        raise Failure(400, str(error)) from None
    return answer([past_rule(each) for each in reports])
