"""The headers of successes that a client may use. tests/api/test_examples.py compares them with those that are sent."""

from quantd.api.openapi.types import Schema

_TEXT = {"type": "string"}
_TAG: Schema = {"ETag": {"description": "Names these bytes; to send in `If-None-Match`.", "schema": _TEXT}}
_CUT: Schema = {
    "X-Truncated": {"description": "There if the answer lacks rows that were asked for.", "schema": {"enum": ["true"]}},
    "Link": {"description": 'The request for more of these rows, with `rel="next"`.', "schema": _TEXT},
}
_TAGGED = {
    *(f"/analytics/{name}" for name in ("pair", "adf", "hedge-ratio", "spread", "zscore", "correlation")),
    *("/data/{symbol}", "/pairs", "/openapi.json", "/asyncapi.json", "/assets/{name}"),
}
_MAY_BE_CUT = {
    *("/data/{symbol}", "/data/{symbol}/ticks", "/data/{symbol}/book", "/export/ohlcv", "/visualization/candles/{symbol}"),
    *("/api/v1/bars/{symbol}", "/api/v1/points/{pair}", "/api/v1/ticks/{symbol}"),
}
SAME = {"description": "The client has the answer: it has sent its tag in `If-None-Match`."}
IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Tags of answers that the client has.",
    "schema": _TEXT,
}


def headers(path: str) -> Schema:
    """Return the headers of the successes of a route."""
    return (_TAG if path in _TAGGED else {}) | (_CUT if path in _MAY_BE_CUT else {})
