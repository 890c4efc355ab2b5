"""Posts alerts to Prometheus' Alertmanager."""

import asyncio
import re
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, field
from msgspec.structs import replace

import quantd
from quantd_plugins.sinks.parts import http
from quantd_plugins.sinks.parts.message import text_of
from quantd_plugins.sinks.parts.settings import named, positive

if TYPE_CHECKING:
    from aiohttp import ClientSession

_OVER = ("resolved", "withdrawn")
_LASTS = 5
"""A firing ends by itself in Alertmanager if it has not been posted for this many times `every`: quantd is gone then."""
_MOST_OVER = 10_000
_UNFIT = re.compile(r"[^a-zA-Z0-9_]")


class Alertmanager(quantd.AlertSink):
    """Posts alerts to Alertmanager (API v2), and all that are firing again at regular times, as Prometheus does.

    The labels are `alertname` (the rule's name), `rule` (its id), `pair`, `metric`, `severity` and the rule's own; the text is the
    annotation `summary`. A firing that is not posted any more, because quantd is gone, ends in Alertmanager after five times `every`.
    """

    url: Annotated[quantd.Secret, Meta(description="Where Alertmanager is, such as http://localhost:9093, or {file: path}.")]
    every: Annotated[str, Meta(pattern=r"^\d+(s|m)$", description="How often what is firing is posted again.")] = "1m"
    headers: Annotated[dict[str, quantd.Secret], Meta(description="Further headers, such as Authorization.")] = field(default_factory=dict)
    generator: Annotated[str, Meta(description="The address of quantd that alerts link to.")] = ""
    timeout: Annotated[str, Meta(pattern=r"^\d+(ms|s|m)$", description="How long to wait for an answer.")] = "10s"

    def __post_init__(self) -> None:
        self._timeout = positive("timeout", self.timeout)
        self._every_ms = positive("every", self.every)
        if isinstance(self.url, str):
            named("url", lambda: http.host_of(str(self.url)))
        self._clock: quantd.Clock = quantd.SystemClock()
        self._http: ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._posting = asyncio.Lock()
        self._firing: dict[str, quantd.Alert] = {}
        """What is firing, by rule: the end of a rule that flapped is that of another firing than its beginning."""
        self._over: dict[str, int] = {}
        """When (ms) rules were over, the latest last."""
        self._changing: Set[str] = frozenset()
        """The rules about which a message could not be posted yet."""

    async def start(self) -> None:
        self._http = http.session(self._timeout, private=True)
        self._task = asyncio.create_task(self._post_again(), name="alertmanager")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._http:
            await self._http.close()
            self._http = None

    def resume(self, alerts: Sequence[quantd.Alert]) -> None:
        self._firing = {alert.alert_id: alert for alert in alerts} | self._firing

    async def send(self, alert: quantd.Alert) -> None:
        await self.send_many([alert])

    async def send_many(self, alerts: Sequence[quantd.Alert]) -> None:
        async with self._posting:  # what is firing is not posted again in between, after its end
            firing, rows = dict(self._firing), list[quantd.Alert]()
            for alert in alerts:
                rows.append(_ended(alert, firing.get(alert.alert_id)) if alert.state in _OVER else alert)
                firing[alert.alert_id] = alert
            self._changing = firing.keys() & {alert.alert_id for alert in alerts}
            await self._post(rows)
            for alert in alerts:
                if alert.state in _OVER:
                    self._over.pop(alert.alert_id, None)
                    self._over[alert.alert_id] = alert.ts
            while len(self._over) > _MOST_OVER:
                del self._over[next(iter(self._over))]
            self._firing = {rule: alert for rule, alert in firing.items() if self._lasts(alert)}
            self._changing = frozenset()

    def _lasts(self, alert: quantd.Alert) -> bool:
        """Return whether an alert is to be posted again: one of a firing that has ended is not, if it was dead and is sent again."""
        return alert.state in ("firing", "flapping") and alert.ts >= self._over.get(alert.alert_id, alert.ts)

    async def post_firing(self) -> None:
        """Post all that is firing. Raises QuantdError if Alertmanager does not take it."""
        async with self._posting:
            if lasting := [alert for rule, alert in self._firing.items() if rule not in self._changing]:
                await self._post(lasting)

    async def _post_again(self) -> None:
        while True:
            await asyncio.sleep(self._every_ms / 1000)
            try:
                await self.post_firing()
            except Exception as error:
                self.log.warning("what is firing could not be posted again: %s", error)

    async def _post(self, alerts: Sequence[quantd.Alert]) -> None:
        if self._http is None:
            await self.start()
        assert self._http is not None
        now = self._clock.now()
        ends = now + _LASTS * self._every_ms
        body = msgspec.json.encode([_posted(alert, now, ends, self.generator) for alert in alerts])
        further = {name: quantd.secret_text(value) for name, value in self.headers.items()}
        url = f"{quantd.secret_text(self.url).rstrip('/')}/api/v2/alerts"
        told = await http.post(self._http, url, body, {"Content-Type": "application/json"} | further, list(further.values()))
        self.log.debug("%d alerts: %s", len(alerts), told)


def _posted(alert: quantd.Alert, now: int, ends: int, generator: str) -> dict[str, Any]:
    """Return an alert as Alertmanager reads it; `ends` is when it ends unless it is posted again, and times are in ms."""
    own = {_label(name): text for name, text in alert.labels.items()}
    labels = own | {
        "alertname": alert.rule,
        "rule": alert.alert_id,
        "pair": alert.pair,
        "metric": alert.metric,
        "severity": alert.severity,
    }
    begins = min(alert.since, now)
    over = max(min(alert.ts, now), begins + 1)
    notes = {"summary": text_of(alert), "value": str(alert.value), "threshold": str(alert.threshold), "firing": alert.id}
    return {
        "labels": {name: text for name, text in labels.items() if text},
        "annotations": notes,
        "startsAt": quantd.iso(begins),
        "endsAt": quantd.iso(over if alert.state in _OVER else ends),
        "generatorURL": generator,
    }


def _ended(alert: quantd.Alert, firing: quantd.Alert | None) -> quantd.Alert:
    """Return the end of a firing with the labels of the firing, by which Alertmanager knows it: another clause may have decided the end."""
    return replace(alert, metric=firing.metric, severity=firing.severity, labels=firing.labels) if firing else alert


def _label(name: str) -> str:
    """Return a name of a label as Alertmanager allows it.

    >>> _label("team-1"), _label("1")
    ('team_1', '_1')
    """
    fit = _UNFIT.sub("_", name)
    return fit if fit[:1].isalpha() or fit[:1] == "_" else f"_{fit}"


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("alertmanager", Alertmanager)
