"""What plugins of all kinds are, and what each is handed: a logger, and a way to report a metric."""

import logging
from abc import ABCMeta
from typing import Any, dataclass_transform

import msgspec

from quantd.plugin.reports import reports_of


class PluginMeta(msgspec.StructMeta, ABCMeta):
    """Struct and ABC at once. Every field is keyword-only and unknown ones are refused, in subclasses too: msgspec inherits neither."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        return super().__new__(mcls, name, bases, namespace, **{"kw_only": True, "forbid_unknown_fields": True, "dict": True} | config)


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class Plugin(msgspec.Struct, metaclass=PluginMeta):
    """Anything that `use:` can name."""

    @property
    def log(self) -> logging.Logger:
        """The plugin's logger, `quantd.plugin.<kind>.<name>`: what it is told goes to the daemon's log."""
        return reports_of(type(self)).log

    def report(self, metric: str, number: float) -> None:
        """Tell Prometheus a number, as `quantd_plugin_metric{kind, name, metric}`: the last that any instance of the plugin reported in the
        daemon's process. Call it from any thread. Raises ValueError for what is no name of a metric, or no finite number."""
        reports_of(type(self)).put(metric, number)

    def report_count(self, metric: str, more: float = 1) -> None:
        """The same of a count: add to what all instances of the plugin have reported of it."""
        reports_of(type(self)).add(metric, more)

    def places(self) -> frozenset[str]:
        """What it writes to and no other may: files, by their real paths. Two parts of a config that have one in common are a mistake, but
        for exporters with equal settings, which are one. A pattern may stand for the files of a kind."""
        return frozenset()
