"""Every WebSocket: its commands, what they are answered, and its other frames."""

from types import UnionType
from typing import get_args

from msgspec import Struct

from quantd.api.schema import frames, requests, topics

Message = type[Struct]


class Socket(Struct, frozen=True):
    """A socket and its messages."""

    paths: tuple[str, ...]
    """The paths of the routes at which it is served."""
    title: str
    prefix: str
    """What the names of its messages begin with in the document. The names of their structs follow."""
    commands: dict[Message, tuple[Message, ...]]
    """What a client may say, each with the frames that answer it."""
    frames: tuple[Message, ...]
    """What the daemon sends."""

    @property
    def unasked(self) -> tuple[Message, ...]:
        """The frames that answer no command."""
        answers = {each for replies in self.commands.values() for each in replies}
        return tuple(each for each in self.frames if each not in answers)


def members(union: UnionType) -> tuple[Message, ...]:
    """Return the structs of a union."""
    return get_args(union)


_LEGACY: dict[Message, tuple[Message, ...]] = {
    requests.Subscribe: (frames.SubscriptionFrame,),
    requests.Unsubscribe: (frames.SubscriptionFrame,),
    requests.Ping: (frames.PongFrame,),
    topics.Authenticate: (topics.Auth,),
}
_TYPED: dict[Message, tuple[Message, ...]] = {
    topics.Subscribe: (topics.Subscribed, topics.Error),
    topics.Unsubscribe: (topics.Unsubscribed, topics.Error),
    topics.Ping: (topics.Pong,),
    topics.Authenticate: (topics.Auth, topics.Error),
}
SOCKETS = (
    Socket(("/ws", "/stream/ws"), "Trades, tickers and alerts", "Frontend", _LEGACY, (*members(frames.Frame), topics.Auth)),
    Socket(("/api/v1/ws",), "Typed topics with numbered frames", "", _TYPED, members(topics.Frame)),
)
