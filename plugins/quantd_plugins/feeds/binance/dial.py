"""Opens WebSocket connections to the exchange: a refusal that names a time closes the door for that time."""

from quantd import net
from quantd_plugins.feeds.binance.bans import ADVICE, Bans


async def dial(url: str, bans: Bans) -> net.WebSocket:
    """Return an open connection. Raises net.Refused, whose text says why and what to do."""
    try:
        return await net.dial(url, ADVICE)
    except net.Rejected as answer:
        bans.take("ws", answer.status, {"Retry-After": answer.headers.get("retry-after", "")}, net.shown(url))
        raise
