"""The checks of alert sinks."""

import asyncio

from quantd.plugin.base import AlertSink
from quantd.testing import fakes


def starts_sends_and_stops(sink: AlertSink) -> None:
    asyncio.run(_life(sink, 3))


def starts_and_stops_without_an_alert(sink: AlertSink) -> None:
    asyncio.run(_life(sink, 0))


def sends_alerts_that_belong_together(sink: AlertSink) -> None:
    asyncio.run(_many(sink))


def starts_again_with_what_is_firing(sink: AlertSink) -> None:
    asyncio.run(_again(sink))


async def _many(sink: AlertSink) -> None:
    await sink.start()
    await sink.send_many([fakes.alert(number) for number in range(3)])
    await sink.stop()


async def _again(sink: AlertSink) -> None:
    await sink.start()
    sink.resume([fakes.alert(number) for number in range(3)])
    await sink.stop()


async def _life(sink: AlertSink, count: int) -> None:
    await sink.start()
    for number in range(count):
        await sink.send(fakes.alert(number))
    await sink.stop()


CHECKS = (
    starts_sends_and_stops,
    starts_and_stops_without_an_alert,
    sends_alerts_that_belong_together,
    starts_again_with_what_is_firing,
)
