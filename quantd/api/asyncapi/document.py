"""The document as a whole."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version

from quantd.api.asyncapi import topics
from quantd.api.asyncapi.examples import recorded
from quantd.api.asyncapi.messages import key, messages, schemas
from quantd.api.asyncapi.sockets import SOCKETS, Message, Socket
from quantd.api.openapi.types import Schema
from quantd.api.schema.wire import encode

_ABOUT = """The WebSockets of a running quantd. Messages are JSON: commands of clients have an `action`, frames of the daemon a `type`.

Times are `YYYY-MM-DDTHH:MM:SS.mmmZ`. Later versions may add fields to frames, and frames: a client ignores those that it does not know."""
_CLOSES = """The daemon closes a socket with 1001 when it stops, 1013 if the client reads too slowly, 4401 if the token is not valid or has
ended, 4403 if it has not the scope `read`, 4408 if no token came within 5 s, and 4429 if there are too many sockets or commands."""
_SECURITY: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API token of `quantd token create`, or a JWT."},
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "A subprotocol made of `quantd.token.` and the token, for clients that cannot set other headers, like browsers.",
    },
    "ticket": {"type": "httpApiKey", "in": "query", "name": "ticket", "description": "A ticket of `POST /api/v1/ticket`, for one socket."},
}
_LICENSE = {"name": "MIT", "url": "https://opensource.org/license/mit"}
_TICKET = {"type": "object", "properties": {"ticket": {"type": "string", "description": "A ticket of `POST /api/v1/ticket`."}}}
_OPEN = "A daemon without tokens on a loopback address asks for none. A client may also send the command `auth` within 5 s."


def document() -> Schema:
    """Describe the sockets as an AsyncAPI 3 document."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "quantd", "version": version("quantd"), "description": _ABOUT, "license": _LICENSE},
        "defaultContentType": "application/json",
        "servers": {"daemon": _server("ws", "This daemon."), "proxy": _server("wss", "This daemon behind a proxy that speaks TLS.")},
        "channels": {name(path): _channel(socket, path) for socket in SOCKETS for path in socket.paths} | topics.channels(),
        "operations": dict(each for socket in SOCKETS for path in socket.paths for each in _operations(socket, path)) | topics.operations(),
        "components": {
            "messages": dict(each for socket in SOCKETS for each in messages(socket, recorded()).items()),
            "schemas": dict(sorted(each for socket in SOCKETS for each in schemas(socket).items())),
            "parameters": topics.PARAMETERS,
            "securitySchemes": _SECURITY,
        },
    }


def _server(protocol: str, description: str) -> Schema:
    return {
        "host": "{host}",
        "protocol": protocol,
        "description": f"{description} {_OPEN}",
        "variables": {"host": {"default": "127.0.0.1:8000", "description": "Host and port, as in `api.listen` of the config."}},
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
    }


def name(path: str) -> str:
    """Return the name of a socket's channel.

    >>> name("/stream/ws")
    'stream-ws'
    """
    return path.strip("/").replace("/", "-")


def _channel(socket: Socket, path: str) -> Schema:
    names = [key(socket, each) for each in (*socket.commands, *socket.frames)]
    return {
        "address": path,
        "title": socket.title,
        "description": _CLOSES,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "query": _TICKET, "bindingVersion": "0.1.0"}},
    }


def _operations(socket: Socket, path: str) -> Iterator[tuple[str, Schema]]:
    channel = {"$ref": f"#/channels/{name(path)}"}

    def of(given: Iterable[Message]) -> list[Schema]:
        return [{"$ref": f"{channel['$ref']}/messages/{key(socket, each)}"} for each in given]

    for command, replies in socket.commands.items():
        word = command.__struct_config__.tag
        reply = {"channel": channel, "messages": of(replies)}
        asked = {"action": "receive", "channel": channel, "title": f"The command {word}", "messages": of([command]), "reply": reply}
        yield f"{name(path)}.{word}", asked
    sent = {"action": "send", "channel": channel, "title": "Frames that no command asks for", "messages": of(socket.unasked)}
    yield f"{name(path)}.frames", sent


@cache
def encoded() -> bytes:
    """Return the document as JSON."""
    return encode(document())
