"""Alerts to the log."""

import logging

import quantd

_log = logging.getLogger("quantd.alerts")


class LogSink(quantd.AlertSink):
    """Writes each alert to the daemon's log as a warning."""

    async def send(self, alert: quantd.Alert) -> None:
        _log.warning("%s: %s (%.6g)", alert.state, alert.text, alert.value)


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("log", LogSink)
