"""The base class of alert sinks."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from quantd.model import Alert
from quantd.plugin.plugin import Plugin


class AlertSink(Plugin):
    """Delivers alerts to an external destination. Its calls may overlap, but those about one rule do not."""

    max_age: Annotated[str, Meta(pattern=r"^\d+(s|m|h|d)$", description="How long delivery of an alert is attempted.")] = "1d"
    rate: Annotated[float, Meta(ge=0, le=1000, description="The most alerts to send in a second; 0 is no limit.")] = 0

    @abstractmethod
    async def send(self, alert: Alert) -> None:
        """Deliver one alert. Return only when the destination has it. Raise `quantd.Retry` if the destination names the time of the next
        attempt, `quantd.Refused` if no further attempt can succeed, and any other exception if the alert shall be sent again later."""

    async def send_many(self, alerts: Sequence[Alert]) -> None:
        """Deliver alerts that belong together. If one fails, all of them are sent again. By default each is sent by itself."""
        for alert in alerts:
            await self.send(alert)

    async def start(self) -> None:
        """Prepare for alerts. Called once before the first one."""

    def resume(self, alerts: Sequence[Alert]) -> None:
        """Receive the firings that were sent before a restart and that still last. Called once, after `start`."""

    async def stop(self) -> None:
        """Release resources. Called once after the last alert."""

    @property
    def wants_figure(self) -> bool:
        """Whether `Alert.figure` shall be drawn for this sink."""
        return False

    def __repr__(self) -> str:
        """Return the name of the class alone: settings may be secrets."""
        return f"{type(self).__name__}(…)"
