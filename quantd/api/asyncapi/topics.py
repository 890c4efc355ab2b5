"""The topics of `/api/v1/ws` as channels, whose addresses are what clients subscribe to."""

from quantd.api.openapi.types import Schema, plain
from quantd.api.schema.topics import Data
from quantd.api.ws.v1.topic import Kind, Parameter
from quantd.api.ws.v1.topics import KINDS

PARAMETERS: dict[Parameter, Schema] = {
    "symbol": {"description": "A symbol that the exchange lists, in any case of letters.", "examples": ["BTCUSDT"]},
    "pair": {"description": "A pair of the config or of a rule, y before x, in any case of letters.", "examples": ["BTCUSDT-ETHUSDT"]},
    "every": {"description": "A timeframe of the symbol or pair, or the name of event bars.", "examples": ["1s", "1m"]},
}


def channels() -> dict[str, Schema]:
    """Return a channel for each kind of topic."""
    return {f"topic-{kind.name}": _channel(kind) for kind in KINDS.values()}


def operations() -> dict[str, Schema]:
    """Return what the daemon sends to those who have subscribed to a topic."""
    return {f"topic-{kind.name}.frames": _operation(kind) for kind in KINDS.values()}


def _channel(kind: Kind) -> Schema:
    frame = _frame(kind).__name__
    needs = "" if kind.scope == "read" else f" It needs the scope `{kind.scope}`."
    kept = " Only the newest frame is kept for a client that is slow or comes back." if kind.conflated else ""
    return {
        "address": ":".join([kind.name, *(f"{{{name}}}" for name in kind.parameters)]),
        "title": f"The topic {kind.name}",
        "description": f"{plain(_frame(kind).__doc__ or '')} Its frames come over `/api/v1/ws` after the command `subscribe`.{needs}{kept}",
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in kind.parameters},
        "messages": {frame: {"$ref": f"#/components/messages/{frame}"}},
    }


def _operation(kind: Kind) -> Schema:
    place = f"#/channels/topic-{kind.name}"
    messages = [{"$ref": f"{place}/messages/{_frame(kind).__name__}"}]
    return {"action": "send", "channel": {"$ref": place}, "title": f"Frames of the topic {kind.name}", "messages": messages}


def _frame(kind: Kind) -> type[Data]:
    assert isinstance(kind.frame, type)
    return kind.frame
