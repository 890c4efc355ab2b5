"""The client of a running daemon: typed rows, each once, across cuts and restarts.

    async with quantd.client.connect("http://127.0.0.1:8000") as client:
        async for item in client.points("BTCUSDT-ETHUSDT", every="1m", since="2026-01-31"):
            match item:
                case quantd.client.PointRow():
                    print(item.ts, item.zscore)
                case quantd.client.Hole():
                    print("missing:", item)

`quantd.client.sync` has the same for programs without asyncio. docs/client.md describes both.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantd.api.schema.rows import AlertRow as AlertRow
    from quantd.api.schema.rows import BarRow as BarRow
    from quantd.api.schema.rows import BookRow as BookRow
    from quantd.api.schema.rows import LogRow as LogRow
    from quantd.api.schema.rows import PointRow as PointRow
    from quantd.api.schema.rows import QualityRow as QualityRow
    from quantd.api.schema.rows import TradeRow as TradeRow
    from quantd.client import sync as sync
    from quantd.client.client import Client as Client
    from quantd.client.client import connect as connect
    from quantd.client.df import to_df as to_df
    from quantd.client.errors import ClientError as ClientError
    from quantd.client.errors import Forbidden as Forbidden
    from quantd.client.errors import Refused as Refused
    from quantd.client.errors import TooMany as TooMany
    from quantd.client.errors import Unauthorized as Unauthorized
    from quantd.client.errors import Unreachable as Unreachable
    from quantd.client.items import Hole as Hole
    from quantd.client.items import Lagged as Lagged
    from quantd.client.requests import Analytics as Analytics
    from quantd.client.stamps import when as when
    from quantd.client.stream import Stream as Stream

_HOMES = {
    "quantd.api.schema.rows": "AlertRow BarRow BookRow LogRow PointRow QualityRow TradeRow",
    "quantd.client.client": "Client connect",
    "quantd.client.df": "to_df",
    "quantd.client.errors": "ClientError Forbidden Refused TooMany Unauthorized Unreachable",
    "quantd.client.items": "Hole Lagged",
    "quantd.client.requests": "Analytics",
    "quantd.client.stamps": "when",
    "quantd.client.stream": "Stream",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


if not TYPE_CHECKING:  # a type checker uses the imports above, and must not accept other names

    def __getattr__(name: str) -> Any:
        """Load a public name on first use, so that a program that only makes data frames opens no sockets (PEP 562)."""
        if name == "sync":
            return import_module("quantd.client.sync")
        if name not in _HOME:
            raise AttributeError(f"module 'quantd.client' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted([*_HOME, "sync"])
