"""Explains the firings of a running flow, and judges rules over its record."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from quantd.config.model import Config
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.keeper import KeptTable
from quantd.flow.hub import Hub
from quantd.hindsight.model import PastQuestion, Report
from quantd.hindsight.past import judged_past, rules_of
from quantd.history.history import History
from quantd.model import Alert
from quantd.pool import ANYBODY, Asker, Pool
from quantd.services.explain import Explain, Explanation
from quantd.services.live.capture import captured, followed
from quantd.services.live.drawing import drawing

KEPT = 1_000
"""Number of firings that can be explained."""
_log = logging.getLogger("quantd.alerts")
_decoder = msgspec.msgpack.Decoder(Explanation)


class Sources(Struct, frozen=True):
    """Where the inputs of firings are found: the rules, the rows, and a hash of the config."""

    engine: AlertEngine
    history: History
    config: str


class LiveExplain(Explain):
    """Takes down the inputs of each firing as soon as it is published, in a table that survives a restart."""

    def __init__(self, sources: Sources, hub: Hub, pool: Pool, table: KeptTable) -> None:
        self._of = sources
        self._pool = pool
        self._table = table
        self._known = table.all()
        """The encoded explanations, the oldest first."""
        self._latest: dict[str, str] = {}
        """The latest firing of each rule."""
        self._recall()
        hub.listen("alerts", self._hear)

    def explanation(self, firing: str) -> Explanation | None:
        known = self._decoded(firing) or self._decoded(self._latest.get(firing, ""))
        rule = self._of.engine.rule(known.firing.alert_id) if known and known.ended is None else None
        return followed(known, rule, self._of.history) if known and rule else known

    def svg(self, firing: str) -> str:
        known = self.explanation(firing)
        return drawing(known) if known else ""

    async def past(self, asked: PastQuestion, asker: Asker = ANYBODY) -> list[Report]:
        rules = rules_of(asked, self._of.engine.rules)
        return await self._pool.read(asker, judged_past, self._of.history, rules, asked.start, asked.end)

    def _recall(self) -> None:
        found = [(known.firing.ts, key, known.firing.alert_id) for key in list(self._known) if (known := self._decoded(key))]
        for _, key, rule_id in sorted(found):
            self._known[key] = self._known.pop(key)
            self._latest[rule_id] = key

    def _decoded(self, key: str) -> Explanation | None:
        if key not in self._known:
            return None
        try:
            return _decoder.decode(self._known[key])
        except msgspec.DecodeError as error:
            _log.warning("the explanation of the firing %s is broken, and is let go: %s", key, error)
            self._drop(key)
            return None

    def _put(self, known: Explanation) -> None:
        key = known.firing.id
        self._known[key] = msgspec.msgpack.encode(known)
        self._table.put(key, self._known[key])
        self._latest[known.firing.alert_id] = key
        while len(self._known) > KEPT:
            self._drop(next(iter(self._known)))

    def _drop(self, key: str) -> None:
        del self._known[key]
        self._table.delete(key)

    def _hear(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            rule = self._of.engine.rule(alert.alert_id)
            if rule and alert.state == "firing" and not alert.repeat and alert.id not in self._known:
                self._put(captured(alert, rule, self._of.history, self._of.config))
            elif alert.state in ("resolved", "withdrawn") and (known := self._decoded(alert.id)):
                ended = replace(known, end=alert.state, ended=alert.ts, end_value=alert.value, reason=alert.reason)
                self._put(followed(ended, rule, self._of.history) if rule else ended)


def config_hash(config: Config) -> str:
    """Return a hash of what makes a config's numbers: its pairs and pipelines."""

    def plain(value: Any) -> Any:
        return {"of": type(value).__name__, **msgspec.structs.asdict(value)} if isinstance(value, Struct) else str(value)

    encoded = msgspec.json.encode([plain(config.pipelines), [plain(pair) for pair in config.pairs]], enc_hook=plain)
    return hashlib.sha256(encoded).hexdigest()[:16]
