"""The checks of alert sinks."""

import asyncio

from quantd.plugin.base import AlertSink
from quantd.testing import fakes


def starts_sends_and_stops(sink: AlertSink) -> None:
    asyncio.run(_life(sink, 3))


def starts_and_stops_without_an_alert(sink: AlertSink) -> None:
    asyncio.run(_life(sink, 0))


async def _life(sink: AlertSink, count: int) -> None:
    await sink.start()
    for number in range(count):
        await sink.send(fakes.alert(number))
    await sink.stop()


CHECKS = (starts_sends_and_stops, starts_and_stops_without_an_alert)
