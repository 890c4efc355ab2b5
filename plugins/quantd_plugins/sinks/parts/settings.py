"""Checks of settings that several sinks have. Each raises ValueError with the name of the setting in front."""

from collections.abc import Callable

import quantd


def named(setting: str, check: Callable[[], object]) -> None:
    """Run a check; the ValueError that it raises gets the setting's name, under which the mistake is reported."""
    try:
        check()
    except ValueError as error:
        raise ValueError(f"{setting}: {error}") from None


def positive(setting: str, text: str) -> int:
    """Return a length of time in ms, which must not be 0."""
    if not (length := quantd.duration(text)):
        raise ValueError(f"{setting}: it must be more than 0")
    return length
