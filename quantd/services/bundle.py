"""All services together, as the API gets them."""

from msgspec import Struct

from quantd.pool import Pool
from quantd.services.alerts import Alerts
from quantd.services.analytics import Analytics
from quantd.services.events import Events
from quantd.services.market import Market
from quantd.services.status import Status
from quantd.services.symbols import Symbols


class Services(Struct, frozen=True):
    """One of each."""

    symbols: Symbols
    market: Market
    analytics: Analytics
    alerts: Alerts
    status: Status
    events: Events
    pool: Pool
    """Where answers are computed."""
