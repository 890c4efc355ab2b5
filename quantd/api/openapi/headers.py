"""The headers of successes that a client may use, by the path of the route. tests/api/test_examples.py compares them with those sent."""

from quantd.api.openapi.types import Schema

_TEXT = {"type": "string"}
_TAG: Schema = {"ETag": {"description": "Names these bytes; to send in `If-None-Match`.", "schema": _TEXT}}
_CUT: Schema = {
    "X-Truncated": {"description": "There if the answer lacks rows that were asked for.", "schema": {"enum": ["true"]}},
    "Link": {"description": 'The request for more of these rows, with `rel="next"`.', "schema": _TEXT},
}
_TAGGED = ("pair", "adf", "hedge-ratio", "spread", "zscore", "correlation")
HEADERS: dict[str, Schema] = {
    **{f"/analytics/{name}": _TAG for name in _TAGGED},
    **dict.fromkeys(("/pairs", "/openapi.json", "/asyncapi.json", "/assets/{name}"), _TAG),
    **dict.fromkeys(("/data/{symbol}/ticks", "/data/{symbol}/book", "/export/ohlcv", "/visualization/candles/{symbol}"), _CUT),
    **dict.fromkeys(("/api/v1/bars/{symbol}", "/api/v1/points/{pair}", "/api/v1/ticks/{symbol}"), _CUT),
    "/data/{symbol}": _TAG | _CUT,
}
SAME = {"description": "The client has the answer: it has sent its tag in `If-None-Match`."}
IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Tags of answers that the client has.",
    "schema": _TEXT,
}
