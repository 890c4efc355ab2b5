"""The hooks. Each is called once at start-up, with a function that registers a plugin class under the name that YAML uses."""

from typing import Protocol, TypeVar

import pluggy

from quantd.plugin.base import AlertSink, EventBars, Exporter, Feed, Job, Plugin, Resampler, Store
from quantd.plugin.regression import Regression

PROJECT = "quantd"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

P = TypeVar("P", bound=Plugin, contravariant=True)


class Register(Protocol[P]):
    """Adds a plugin class under a name."""

    def __call__(self, name: str, plugin: type[P], /) -> None: ...


@hookspec
def register_feeds(register: Register[Feed]) -> None:
    """Offer feeds."""


@hookspec
def register_resamplers(register: Register[Resampler]) -> None:
    """Offer resamplers."""


@hookspec
def register_event_bars(register: Register[EventBars]) -> None:
    """Offer rules that end bars by something other than time."""


@hookspec
def register_regressions(register: Register[Regression]) -> None:
    """Offer regression methods."""


@hookspec
def register_jobs(register: Register[Job]) -> None:
    """Offer jobs."""


@hookspec
def register_sinks(register: Register[AlertSink]) -> None:
    """Offer alert sinks."""


@hookspec
def register_exporters(register: Register[Exporter]) -> None:
    """Offer exporters."""


@hookspec
def register_stores(register: Register[Store]) -> None:
    """Offer stores."""
