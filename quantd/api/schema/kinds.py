"""Kinds of fields that requests and answers share, with what the OpenAPI document tells of them.

Bounds of `Meta` itself are checked when a request is read, and a value beyond them is 422. Those of `extra_json_schema` are told only: a
handler checks them, because the contract answers 400 to an unsupported value of a known field.
"""

from typing import Annotated

from msgspec import Meta

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time in an answer: `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
OfHedge = Annotated[float, Meta(ge=-1e100, le=1e100)]
Count = Annotated[int, Meta(ge=1)]
FeedWord = Annotated[str, Meta(extra_json_schema={"enum": ["starting", "warming", "live", "down"]})]
SymbolState = Annotated[
    str, Meta(extra_json_schema={"enum": ["starting", "warming", "live", "quiet", "closed", "down", "unlisted", "delisted"]})
]

_FRAME = {"pattern": "^([1-9]|[1-5][0-9])[sm]$|^([1-9]|1[0-9]|2[0-3])h$|^1d$", "examples": ["1m"]}
Symbol = Annotated[str, Meta(description="A symbol of the exchange, in any case.", extra_json_schema={"examples": ["BTCUSDT"]})]
Timeframe = Annotated[str, Meta(description="Length of the bars: 1s to 59s, 1m to 59m, 1h to 23h or 1d.", extra_json_schema=_FRAME)]
Moment = Annotated[
    str,
    Meta(
        description="A time, inclusive: ISO 8601, in UTC if it names no zone, or milliseconds since 1970. An empty one is none.",
        extra_json_schema={"anyOf": [{"format": "date-time"}, {"pattern": "^([0-9]{1,14})?$"}]},
    ),
]
