"""All services together, for the API."""

from msgspec import Struct

from quantd.pool import Pool
from quantd.services.alerts import Alerts
from quantd.services.analytics import Analytics
from quantd.services.database import Database
from quantd.services.deliveries import Deliveries
from quantd.services.events import Events
from quantd.services.explain import Explain
from quantd.services.market import Market
from quantd.services.record import Record
from quantd.services.rules import Rules
from quantd.services.silences import Silences
from quantd.services.status import Status
from quantd.services.symbols import Symbols


class Services(Struct, frozen=True):
    """One instance of each service."""

    symbols: Symbols
    market: Market
    record: Record
    analytics: Analytics
    alerts: Alerts
    rules: Rules
    silences: Silences
    deliveries: Deliveries
    explain: Explain
    status: Status
    database: Database
    events: Events
    pool: Pool
    """The pool that computes answers."""
