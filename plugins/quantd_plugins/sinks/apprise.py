"""Sends alerts through Apprise, which knows a hundred services: Telegram, Slack, Discord, ntfy, e-mail and others."""

import logging
import tempfile
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

import quantd
from quantd_plugins.sinks.parts import template
from quantd_plugins.sinks.parts.message import text_of
from quantd_plugins.sinks.parts.settings import named
from quantd_plugins.sinks.parts.threads import Threads

_KINDS = {"resolved": "success", "withdrawn": "info", "heartbeat": "info"}
_SEVERITIES = {"info": "info", "critical": "failure", "page": "failure", "error": "failure"}
_MOST = 1_000


class AppriseSink(quantd.AlertSink):
    """Sends each alert to services that Apprise knows, by their addresses, such as `tgram://TOKEN/CHAT`. It works in a thread.

    If one of several services fails, an attempt afterwards leaves out those that have the alert already, until a restart.
    """

    urls: Annotated[tuple[quantd.Secret, ...], Meta(min_length=1, description="Addresses of services, or {file: path} of each.")]
    title: Annotated[str, Meta(description="The title, with {state}, {pair}, {labels.NAME} …")] = "{state}: {pair} {rule}"
    figure: Annotated[bool, Meta(description="Whether a drawing of the firing is attached, as SVG.")] = False

    def __post_init__(self) -> None:
        self._threads = Threads()
        named("title", lambda: template.check(self.title))
        if find_spec("apprise") is None:
            raise ValueError("apprise is not installed: pip install 'quantd[notify]'")
        self._done: OrderedDict[str, set[int]] = OrderedDict()

    @property
    def wants_figure(self) -> bool:
        return self.figure

    async def start(self) -> None:
        await self._threads.run(_apprise)

    async def send(self, alert: quantd.Alert) -> None:
        failed = await self._threads.run(self._notify, alert)
        if failed:
            raise quantd.QuantdError(f"not delivered by {', '.join(failed)}")

    def _notify(self, alert: quantd.Alert) -> list[str]:
        """Send an alert to the services that do not have it, and return those that failed, by their schemes."""
        done = self._done.setdefault(alert.key, set())
        while len(self._done) > _MOST:
            self._done.popitem(last=False)
        failed = []
        for number, secret in enumerate(self.urls):
            if number not in done:
                url = quantd.secret_text(secret)
                if self._sent(url, alert):
                    done.add(number)
                else:
                    failed.append(f"{url.partition('://')[0][:20]} (address {number + 1})")
        if not failed:
            self._done.pop(alert.key, None)
        return failed

    def _sent(self, url: str, alert: quantd.Alert) -> bool:
        service = _apprise().Apprise()
        if not service.add(url):
            raise quantd.QuantdError("an address is none that Apprise knows: see its list of services")
        title, text = template.filled(self.title, alert), text_of(alert)
        kind = _KINDS.get(alert.state) or _SEVERITIES.get(alert.severity, "warning")
        if not alert.figure:
            return bool(service.notify(body=text, title=title, notify_type=kind))
        with tempfile.TemporaryDirectory() as folder:
            drawing = Path(folder) / "firing.svg"
            drawing.write_text(alert.figure, "utf-8")
            return bool(service.notify(body=text, title=title, notify_type=kind, attach=str(drawing)))


def _apprise() -> Any:
    """Import Apprise, which takes some time. Its log and that of its HTTP library stay silent: they hold addresses, which are secrets."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return apprise


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("apprise", AppriseSink)
