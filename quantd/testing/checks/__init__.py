"""The conformance suite: the checks that every plugin must pass, whatever its origin.

    @pytest.mark.parametrize("verify", checks_for(Ratio).values(), ids=checks_for(Ratio))
    def test_ratio(verify):
        verify()

or `check(entry)` for a registered one, or `run(load())` for all there are. A check raises whatever the plugin raises, and AssertionError
where it returns something wrong. A plugin with required fields needs `settings`; without them only its looks are checked.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from quantd.plugin.base import AlertSink, DaemonJob, EventBars, Exporter, Feed, PairJob, Plugin, Resampler, Store
from quantd.plugin.blame import blame
from quantd.plugin.registry import Entry, Registry
from quantd.plugin.regression import Regression
from quantd.testing.checks import columns, event_bars, exporters, feeds, jobs, looks, many, regressions, resamplers, sinks, steps, stores

Check = Callable[[], None]

_Test = Callable[[type[Plugin]], bool]
_Checks = tuple[Callable[[Any], None], ...]


def _is_a(base: type[Plugin]) -> _Test:
    return lambda cls: issubclass(cls, base)


_LOOKS: tuple[tuple[_Test, _Checks], ...] = (
    (_is_a(Plugin), looks.CHECKS),
    (_is_a(Feed), feeds.LOOKS),
    (_is_a(PairJob), jobs.LOOKS),
)
_BEHAVIOUR: tuple[tuple[_Test, _Checks], ...] = (
    (_is_a(Plugin), looks.INSTANCE_CHECKS),
    (_is_a(Feed), feeds.CHECKS),
    (_is_a(Resampler), resamplers.CHECKS),
    (_is_a(EventBars), event_bars.CHECKS),
    (_is_a(Regression), regressions.CHECKS),
    (steps.has_steps, steps.CHECKS),
    (steps.is_windowed, steps.WINDOW_CHECKS),
    (steps.is_recursive, steps.RECURSIVE_CHECKS),
    (columns.has_columns, columns.CHECKS),
    (many.fits_many, many.CHECKS),
    (many.fits_many_sums, many.SUMS_CHECKS),
    (_is_a(PairJob), jobs.PAIR_CHECKS),
    (_is_a(DaemonJob), jobs.DAEMON_CHECKS),
    (_is_a(AlertSink), sinks.CHECKS),
    (_is_a(Exporter), exporters.CHECKS),
    (exporters.writes_files, exporters.FILE_CHECKS),
    (_is_a(Store), stores.CHECKS),
)


def checks_for(plugin: type[Plugin], **settings: object) -> dict[str, Check]:
    """Return the checks that apply to a plugin class with these settings, by name."""
    checks: dict[str, Check] = {each.__name__: partial(each, plugin) for each in _applying(_LOOKS, plugin)}
    if any(field.required and field.name not in settings for field in msgspec.structs.fields(plugin)):
        return checks
    return checks | {each.__name__: partial(_on_fresh, each, plugin, settings) for each in _applying(_BEHAVIOUR, plugin)}


def problems(entry: Entry, **settings: object) -> list[str]:
    """Return a line for each check that a registered plugin fails."""
    found = []
    for name, verify in checks_for(entry.plugin, **settings).items():
        try:
            verify()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            text = str(error) if type(error) is AssertionError else blame(error)
            found.append(f"{entry.kind} {entry.name}: {name}: {text}")
    return found


def check(entry: Entry, **settings: object) -> None:
    """Check a registered plugin. Raises AssertionError with every problem."""
    found = problems(entry, **settings)
    assert not found, "\n".join(found)


def run(registry: Registry) -> list[str]:
    """Return a line for each loading fault and for each check that a plugin fails with default settings."""
    faults = [f"{fault.source}: {fault.message}" for fault in registry.faults]
    return faults + [problem for entry in registry.entries() for problem in problems(entry)]


def _applying(table: tuple[tuple[_Test, _Checks], ...], plugin: type[Plugin]) -> Iterator[Callable[[Any], None]]:
    return (each for applies, checks in table if applies(plugin) for each in checks)


def _on_fresh(verify: Callable[[Any], None], plugin: type[Plugin], settings: dict[str, object]) -> None:
    verify(plugin(**settings))
