"""A fault that comes again and again is told ten times a minute, and how often it was not."""

import logging

from quantd.log.quiet import Quiet


def told(quiet: Quiet, seconds: list[float], text: str = "%s: cannot connect", name: str = "quantd.feed") -> list[str]:
    """What is let through of lines at these times."""
    lines = []
    for number, second in enumerate(seconds):
        record = logging.LogRecord(name, logging.WARNING, "", 0, text, (number,), None)
        record.created = second
        if quiet.filter(record):
            lines.append(record.getMessage())
    return lines


def test_ten_of_a_kind_are_told_within_a_minute() -> None:
    quiet = Quiet()
    lines = told(quiet, [number / 10 for number in range(50)])
    assert lines == [f"{number}: cannot connect" for number in range(9)] + ["9: cannot connect (more like it are left out for a minute)"]
    assert told(quiet, [61.0, 62.0]) == ["0: cannot connect (and 40 more like it since)", "1: cannot connect"]


def test_other_texts_other_loggers_and_alerts_are_not_counted_with_them() -> None:
    quiet = Quiet()
    told(quiet, [0.0] * 20)
    assert told(quiet, [0.0], "%s: refused") == ["0: refused"]
    assert told(quiet, [0.0], name="quantd.api") == ["0: cannot connect"]
    assert len(told(quiet, [0.0] * 50, name="quantd.alerts")) == 50


def test_it_does_not_grow_for_ever() -> None:
    quiet = Quiet()
    for number in range(3_000):
        told(quiet, [0.0], f"{number} %s")
    assert len(quiet._counts) <= 1_000
