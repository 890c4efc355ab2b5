"""Sets up the log: one line an event on stderr; coloured on a terminal, with syslog priorities under systemd, JSON on request."""

import logging
import os
import sys
from typing import Any, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "journal", "json"]
_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


class _Journal(logging.Handler):
    """Lines that journald reads the priority from; it adds the time itself."""

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record).replace("\n", " | ")
        sys.stderr.write(f"<{_PRIORITY.get(record.levelno, 5)}>{record.name}: {text}\n")
        sys.stderr.flush()


def chosen_format() -> Format:
    """`QUANTD_LOG_FORMAT` if it is set, else what stderr is: the journal or a console."""
    wanted = os.environ.get("QUANTD_LOG_FORMAT")
    if wanted in ("console", "journal", "json"):
        return wanted  # type: ignore[return-value]
    return "journal" if "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty() else "console"


def setup(level: Level) -> None:
    """Send every logger of the process to stderr, from `level` up. Call it again to change the level."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(_handler(chosen_format()))
    root.setLevel(level.upper())
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _handler(form: Format) -> logging.Handler:
    if form == "journal":
        return _Journal()
    handler = logging.StreamHandler(sys.stderr)
    last: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
        )
    )
    return handler
