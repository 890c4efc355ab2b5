"""Says that an answer is a part of what was asked for, and where the next part is."""

from collections.abc import Sequence

from aiohttp import web
from yarl import URL

from quantd.model import Bar, BookBar
from quantd.times import iso

TRUNCATED = "X-Truncated"
HEADERS = (TRUNCATED, "Link")
"""The headers of an answer that was cut."""


def onward(request: web.Request, cursor: str) -> str:
    """Return the link to another part without the place at which that begins: the request's query, and at its end the parameter `cursor`.

    A link has no path, so that it also holds behind a proxy that serves the API under another one.
    """
    others = [(name, value) for name, value in request.rel_url.query.items() if name != cursor]
    return str(URL.build(query=[*others, (cursor, "")]))


def cut(link: str | None, place: int | str | None) -> dict[str, str]:
    """Return the headers of an answer that was cut. `link` is what `onward` returned, `place` where the next part begins; without one of
    them there are no headers.

    >>> cut("?tf=1m&to=", 7), cut("?tf=1m&to=", None)
    ({'X-Truncated': 'true', 'Link': '<?tf=1m&to=7>; rel="next"'}, {})
    """
    return {} if link is None or place is None else {TRUNCATED: "true", "Link": f'<{link}{place}>; rel="next"'}


def lines(link: str | None, place: str | None) -> bytes:
    """Return the headers of `cut` as lines."""
    return "".join(f"{name}: {value}\r\n" for name, value in cut(link, place).items()).encode()


def before(rows: Sequence[Bar | BookBar], limit: int) -> str | None:
    """Return the `to` of the part before the newest `limit` rows; None if there are no others."""
    return iso(rows[-limit].ts - 1) if len(rows) > limit else None
