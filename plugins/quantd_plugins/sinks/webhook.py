"""Posts alerts to an address over HTTP."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, field

import quantd
from quantd_plugins.sinks.parts import http, template
from quantd_plugins.sinks.parts.message import as_json, key_of
from quantd_plugins.sinks.parts.settings import named, positive

if TYPE_CHECKING:
    from aiohttp import ClientSession

_OWN = ("connection", "content-length", "host", "idempotency-key", "transfer-encoding", "x-quantd-signature")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Webhook(quantd.AlertSink):
    """Posts each alert as JSON to an address.

    The header `Idempotency-Key` is the `key` of the body, the same for each attempt. With `secret`, `X-Quantd-Signature` is `sha256=` and
    the HMAC of the body in hex. 2xx means delivered; 429 and 503 are obeyed if they say when to come back; any other 4xx but 408 and 425 is
    final. Redirects are not followed, and no proxy is used. Addresses that are not of the public internet are refused, unless `private` is
    set.
    """

    url: Annotated[quantd.Secret, Meta(description="Where to post, or {file: path}.")]
    secret: Annotated[quantd.Secret | None, Meta(description="The key of the signature, or {file: path}; none: not signed.")] = None
    private: Annotated[bool, Meta(description="Whether loopback, private and other addresses inside are allowed.")] = False
    headers: Annotated[dict[str, quantd.Secret], Meta(description="Further headers, such as Authorization.")] = field(default_factory=dict)
    template: Annotated[str, Meta(description="The body instead of the usual one, with {text}, {pair}, {labels.NAME} …")] = ""
    figure: Annotated[bool, Meta(description="Whether {figure} of the template is drawn, as SVG.")] = False
    timeout: Annotated[str, Meta(pattern=r"^\d+(ms|s|m)$", description="How long to wait for an answer.")] = "10s"

    def __post_init__(self) -> None:
        self._http: ClientSession | None = None
        self._timeout = positive("timeout", self.timeout)
        kind = next((value for name, value in self.headers.items() if name.lower() == "content-type"), "application/json")
        self._makes_json = isinstance(kind, str) and "json" in kind.lower()
        if isinstance(self.url, str):
            named("url", lambda: http.host_of(str(self.url)))
        for name in self.headers:
            if not _TOKEN.fullmatch(name) or name.lower() in _OWN:
                raise ValueError(
                    f"headers: {name!r} cannot be set" if name.lower() in _OWN else f"headers: {name!r} is no name of a header"
                )
        if self.secret == "":
            raise ValueError("secret: it is empty: leave the key out if messages need no signature")
        if self.template:
            named("template", lambda: template.check(self.template, is_json=self._makes_json))

    @property
    def wants_figure(self) -> bool:
        return self.figure

    async def start(self) -> None:
        self._http = http.session(self._timeout, private=self.private)

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def send(self, alert: quantd.Alert) -> None:
        if self._http is None:
            await self.start()
        assert self._http is not None
        url, secret = quantd.secret_text(self.url), quantd.secret_text(self.secret) if self.secret is not None else ""
        further = {name: quantd.secret_text(value) for name, value in self.headers.items()}
        body = self._body(alert)
        told = await http.post(self._http, url, body, self._headers(alert, body, further, secret), [secret, *further.values()])
        self.log.debug("%s: %s", alert.key, told)

    def _body(self, alert: quantd.Alert) -> bytes:
        if not self.template:
            return as_json(alert)
        return template.filled(self.template, alert, is_json=self._makes_json).encode()

    def _headers(self, alert: quantd.Alert, body: bytes, further: Mapping[str, str], secret: str) -> dict[str, str]:
        """Return the headers of a message. Raises QuantdError if one of the config holds what no header can."""
        for name, value in further.items():
            if _UNPRINTABLE.search(value):
                raise quantd.QuantdError(f"the header {name} cannot be sent: it holds a line break or another unprintable character")
        made = {"Content-Type": "application/json", "Idempotency-Key": key_of(alert)}
        if secret:
            made["X-Quantd-Signature"] = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        made |= {"Content-Type" if name.lower() == "content-type" else name: value for name, value in further.items()}
        return made


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("webhook", Webhook)
