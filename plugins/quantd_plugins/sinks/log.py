"""Alerts to the log."""

import logging

import quantd

_log = logging.getLogger("quantd.alerts")


class LogSink(quantd.AlertSink):
    """Writes each alert to the daemon's log as a warning."""

    async def send(self, alert: quantd.Alert) -> None:
        value = alert.value if isinstance(alert.value, str) else f"{alert.value:.6g}"
        _log.warning("%s: %s (%s)", alert.state, alert.text, value)


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("log", LogSink)
