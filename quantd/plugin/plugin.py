"""The base class of all plugins, which gives each plugin a logger and a way to report a metric; and the types of rows."""

import logging
from abc import ABCMeta
from collections.abc import Mapping
from typing import Any, Literal, dataclass_transform

import msgspec

from quantd.plugin.reports import reports_of

Columns = Mapping[str, Any]
"""Mapping of column names to numpy arrays of equal length. A missing value is NaN inside a column and None outside."""
RowKind = Literal["ticks", "bars", "points"]


class PluginMeta(msgspec.StructMeta, ABCMeta):
    """The metaclass of Struct and ABC. Every field is keyword-only and unknown ones are refused, in subclasses too: msgspec inherits
    neither."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        return super().__new__(mcls, name, bases, namespace, **{"kw_only": True, "forbid_unknown_fields": True, "dict": True} | config)


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class Plugin(msgspec.Struct, metaclass=PluginMeta):
    """A class that `use:` can name."""

    @property
    def log(self) -> logging.Logger:
        """The plugin's logger, `quantd.plugin.<kind>.<name>`. Its messages go to the daemon's log."""
        return reports_of(type(self)).log

    def report(self, metric: str, number: float) -> None:
        """Report a number to Prometheus, as `quantd_plugin_metric{kind, name, metric}`: the last number that any instance of the plugin
        reported in the daemon's process. Any thread may call. Raises ValueError if `metric` is not a valid name or the number is not
        finite."""
        reports_of(type(self)).put(metric, number)

    def report_count(self, metric: str, more: float = 1) -> None:
        """Add `more` to a counter that all instances of the plugin share. Otherwise the same as `report`."""
        reports_of(type(self)).add(metric, more)

    def places(self) -> frozenset[str]:
        """Return the files that only this plugin may write, by their real paths. Two parts of a config that share one are a mistake, except
        exporters with equal settings, which are one exporter. A pattern may stand for several files."""
        return frozenset()
