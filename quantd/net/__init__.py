"""The network for feeds of any venue: a fast WebSocket client, waits and budgets of tries, and a bounded queue of events.

A feed uses these names, and imports none of the modules below:

- `dial(url)` opens a WebSocket as a `WebSocket`, or raises `Refused`, whose text says why, and what to do; it raises `Rejected`, with the
  status and the headers, if a server has answered.
- `WebSocket.run(take)` passes each `Message` to `take`: `Texts`, a sequence of texts (bytes) that arrived together, or a pong, a close or
  a binary frame of `websockets`. `pause` and `resume` hold up the other end by TCP. Pings are answered; a silent connection is pinged, and
  closed if there is no answer.
- `http_session(url)` is a session of aiohttp for requests to one host.
- Both use the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY: `proxies.py`), or raise `ProxyFault`. Without
  a proxy they try all addresses of a host, a quarter of a second apart, and use the first that answers.
- `Backoff` computes the wait before the next try, `Budget` limits a rate, and `Attempts` is the budget for all connects of a feed.
- `BoundedQueue` holds a bounded number of events between the connections and the flow.
- `cause` describes a network error in an operator's words; `ADVICE` maps the status of an answer to advice; `shown` removes the password
  from an address.

    async def listen(url: str, queue: quantd.net.BoundedQueue[bytes]) -> None:
        websocket = await quantd.net.dial(url)

        def take(message: quantd.net.Message) -> None:
            if isinstance(message, quantd.net.Texts):
                queue.add(message)
                if queue.full() and not websocket.paused:
                    websocket.pause()
                    queue.when_emptied(websocket.resume)

        await websocket.run(take)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantd.net.backoff import Attempts as Attempts
    from quantd.net.backoff import Backoff as Backoff
    from quantd.net.backoff import Budget as Budget
    from quantd.net.backoff import Sleep as Sleep
    from quantd.net.connect import Refused as Refused
    from quantd.net.connect import Rejected as Rejected
    from quantd.net.connect import dial as dial
    from quantd.net.errors import ADVICE as ADVICE
    from quantd.net.errors import cause as cause
    from quantd.net.errors import shown as shown
    from quantd.net.frames import Message as Message
    from quantd.net.http import http_session as http_session
    from quantd.net.proxies import ProxyFault as ProxyFault
    from quantd.net.queue import BoundedQueue as BoundedQueue
    from quantd.net.texts import Texts as Texts
    from quantd.net.websocket import WebSocket as WebSocket

_HOMES = {
    "backoff": "Attempts Backoff Budget Sleep",
    "errors": "ADVICE cause shown",
    "websocket": "WebSocket",
    "frames": "Message",
    "connect": "Refused Rejected dial",
    "http": "http_session",
    "queue": "BoundedQueue",
    "texts": "Texts",
    "proxies": "ProxyFault",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


if not TYPE_CHECKING:  # a type checker uses the imports above, and must not accept other names

    def __getattr__(name: str) -> Any:
        """Load a public name on first use, so that a program without streams needs no WebSocket client (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'quantd.net' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted(_HOME)
