"""quantd: real-time pair-trading analytics. These names are what plugin authors import; plugins/README.md shows how."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantd.clock import Clock as Clock
    from quantd.clock import MarketClock as MarketClock
    from quantd.clock import SystemClock as SystemClock
    from quantd.columns.ticks import RunFacts as RunFacts
    from quantd.columns.ticks import TickBatch as TickBatch
    from quantd.columns.ticks import TickRun as TickRun
    from quantd.errors import QuantdError as QuantdError
    from quantd.errors import Refused as Refused
    from quantd.errors import Retry as Retry
    from quantd.errors import StateNewer as StateNewer
    from quantd.errors import StateUnusable as StateUnusable
    from quantd.model import Alert as Alert
    from quantd.model import Bar as Bar
    from quantd.model import BookBar as BookBar
    from quantd.model import Depth as Depth
    from quantd.model import Event as Event
    from quantd.model import FundingRate as FundingRate
    from quantd.model import Gap as Gap
    from quantd.model import Hedge as Hedge
    from quantd.model import Level as Level
    from quantd.model import Listing as Listing
    from quantd.model import Loss as Loss
    from quantd.model import Mark as Mark
    from quantd.model import Metric as Metric
    from quantd.model import PairPoint as PairPoint
    from quantd.model import Quality as Quality
    from quantd.model import Quote as Quote
    from quantd.model import Status as Status
    from quantd.model import Tick as Tick
    from quantd.model import Ticker as Ticker
    from quantd.model import Transition as Transition
    from quantd.plugin.base import AlertSink as AlertSink
    from quantd.plugin.base import Channel as Channel
    from quantd.plugin.base import Channels as Channels
    from quantd.plugin.base import Columns as Columns
    from quantd.plugin.base import DaemonJob as DaemonJob
    from quantd.plugin.base import DaemonView as DaemonView
    from quantd.plugin.base import EventBars as EventBars
    from quantd.plugin.base import Exporter as Exporter
    from quantd.plugin.base import Feed as Feed
    from quantd.plugin.base import Job as Job
    from quantd.plugin.base import PairJob as PairJob
    from quantd.plugin.base import PairView as PairView
    from quantd.plugin.base import Resampler as Resampler
    from quantd.plugin.base import RowKind as RowKind
    from quantd.plugin.base import Store as Store
    from quantd.plugin.base import Subscription as Subscription
    from quantd.plugin.columns import HedgeColumns as HedgeColumns
    from quantd.plugin.columns import RegressionColumns as RegressionColumns
    from quantd.plugin.feed_health import ConnectionHealth as ConnectionHealth
    from quantd.plugin.feed_health import FeedHealth as FeedHealth
    from quantd.plugin.feed_health import Progress as Progress
    from quantd.plugin.hookspecs import Register as Register
    from quantd.plugin.hookspecs import hookimpl as hookimpl
    from quantd.plugin.regression import Regression as Regression
    from quantd.plugin.secret import Secret as Secret
    from quantd.plugin.secret import secret_text as secret_text
    from quantd.rows import COLUMNS as COLUMNS
    from quantd.rows import cells as cells
    from quantd.timeframes import Timeframe as Timeframe
    from quantd.timeframes import duration as duration
    from quantd.timeframes import timeframe as timeframe
    from quantd.times import format_time as format_time
    from quantd.times import iso as iso

_HOMES = {
    "quantd.clock": "Clock MarketClock SystemClock",
    "quantd.columns.ticks": "RunFacts TickBatch TickRun",
    "quantd.errors": "QuantdError Refused Retry StateNewer StateUnusable",
    "quantd.model": "Alert Bar BookBar Depth Event FundingRate Gap Hedge Level Listing Loss Mark Metric PairPoint Quality Quote Status "
    "Tick Ticker Transition",
    "quantd.plugin.base": "AlertSink Channel Channels Columns DaemonJob DaemonView EventBars Exporter Feed Job PairJob PairView "
    "Resampler RowKind Store Subscription",
    "quantd.plugin.columns": "HedgeColumns RegressionColumns",
    "quantd.plugin.feed_health": "ConnectionHealth FeedHealth Progress",
    "quantd.plugin.hookspecs": "Register hookimpl",
    "quantd.plugin.regression": "Regression",
    "quantd.plugin.secret": "Secret secret_text",
    "quantd.rows": "COLUMNS cells",
    "quantd.timeframes": "Timeframe duration timeframe",
    "quantd.times": "format_time iso",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


if not TYPE_CHECKING:  # a type checker knows the names from above, and must not take any other

    def __getattr__(name: str) -> Any:
        """Load a public name on first use, so that `import quantd` costs nothing (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'quantd' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted(_HOME)
