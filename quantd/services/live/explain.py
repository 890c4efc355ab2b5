"""Explains the firings of a running flow, and judges rules over its record."""

import hashlib
import logging
from collections.abc import MutableMapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from quantd.config.model import Config
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.rule import AlertRule
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
_AT_ONCE = 10
_log = logging.getLogger("quantd.alerts")
_decoder = msgspec.msgpack.Decoder(Explanation)


class Sources(Struct, frozen=True):
    """Where the inputs of firings are found: the rules, the rows, and a hash of the config."""

    engine: AlertEngine
    history: History
    config: str


class LiveExplain(Explain):
    """Takes down the inputs of each firing as soon as it is published. What is new is written to `kept` by the next `save`."""

    def __init__(self, sources: Sources, hub: Hub, pool: Pool, kept: MutableMapping[str, bytes]) -> None:
        self._of = sources
        self._pool = pool
        self._kept = kept
        self._known: dict[str, Explanation] = {}
        self._latest: dict[str, str] = {}
        """The latest firing of each rule."""
        self._unsaved: set[str] = set()
        self._recall()
        hub.listen("alerts", self._hear)

    def explanation(self, firing: str) -> Explanation | None:
        known = self._known.get(firing) or self._known.get(self._latest.get(firing, ""))
        rule = self._rule(known.firing.alert_id) if known and known.ended is None else None
        return followed(known, rule, self._of.history) if known and rule else known

    def svg(self, firing: str) -> str:
        known = self.explanation(firing)
        return drawing(known) if known else ""

    async def past(self, asked: PastQuestion, asker: Asker = ANYBODY) -> list[Report]:
        rules = rules_of(asked, self._of.engine.rules)
        return await self._pool.read(asker, judged_past, self._of.history, rules, asked.start, asked.end)

    def save(self, most: int = _AT_ONCE) -> None:
        """Write firings that are new or have ended, at most so many, since this runs on the loop. Does not raise if the disk fails: the
        next call tries again."""
        try:
            for firing in list(islice(self._unsaved, most)):
                if known := self._known.get(firing):
                    self._kept[firing] = msgspec.msgpack.encode(known)
                else:
                    self._kept.pop(firing, None)
                self._unsaved.discard(firing)
        except Exception as error:  # a disk may fail in many ways; alerts are told without explanations, too
            _log.warning("the explanation of a firing is not saved: %r", error)

    def _recall(self) -> None:
        found = [known for key in list(self._kept) if (known := self._read(key))]
        for known in sorted(found, key=lambda each: each.firing.ts):
            self._put(known)

    def _read(self, key: str) -> Explanation | None:
        try:
            return _decoder.decode(self._kept[key])
        except (msgspec.DecodeError, KeyError) as error:
            _log.warning("the explanation of the firing %s is broken, and is let go: %s", key, error)
            self._kept.pop(key, None)
            return None

    def _put(self, known: Explanation) -> None:
        self._known.pop(known.firing.id, None)
        self._known[known.firing.id] = known
        self._latest[known.firing.alert_id] = known.firing.id
        while len(self._known) > KEPT:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._unsaved.add(oldest)

    def _hear(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            rule = self._rule(alert.alert_id)
            if rule and alert.state == "firing" and not alert.repeat and alert.id not in self._known:
                self._put(captured(alert, rule, self._of.history, self._of.config))
                self._unsaved.add(alert.id)
            elif alert.state in ("resolved", "withdrawn") and (known := self._known.get(alert.id)):
                self._end(known, alert, rule)

    def _end(self, known: Explanation, alert: Alert, rule: AlertRule | None) -> None:
        ended = replace(known, end=alert.state, ended=alert.ts, end_value=alert.value, reason=alert.reason)
        self._known[alert.id] = followed(ended, rule, self._of.history) if rule else ended
        self._unsaved.add(alert.id)

    def _rule(self, rule_id: str) -> AlertRule | None:
        return self._of.engine.rule(rule_id)


def config_hash(config: Config) -> str:
    """Return a hash of what makes a config's numbers: its pairs and pipelines."""

    def plain(value: Any) -> Any:
        return {"of": type(value).__name__, **msgspec.structs.asdict(value)} if isinstance(value, Struct) else str(value)

    encoded = msgspec.json.encode([plain(config.pipelines), [plain(pair) for pair in config.pairs]], enc_hook=plain)
    return hashlib.sha256(encoded).hexdigest()[:16]
