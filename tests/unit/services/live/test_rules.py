"""Rules that requests write in the words of a config: read as a config is, judged, kept, and gone when deleted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quantd.errors import ConfigError
from quantd.model import Alert, PairPoint
from quantd.services.rules import KnownRule
from quantd.testing import fakes
from tests.unit.services.rig import Rig, rig

FAR = {"of": "a-b", "when": "abs(zscore) > 2", "every": "1m", "severity": "page"}
PRICEY = {"of": "a", "when": "price > 150", "on": "tick"}


def point(zscore: float, pair: str = "A-B") -> PairPoint:
    return msgspec.structs.replace(fakes.points(6, pair=pair)[5], zscore=zscore)


def judge(at: Rig, points: Sequence[PairPoint]) -> list[Alert]:
    told: list[Alert] = []
    unlisten = at.services.events.listen("alerts", told.extend)
    at.runtime.outputs.tell(at.runtime.outputs.alerts.judge(points))
    unlisten()
    return told


def phases(at: Rig) -> list[tuple[str, str]]:
    return [(rule.rule.name, rule.state.phase) for rule in at.services.rules.all()]


def mistakes_of(at: Rig, keys: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as refused:
        at.services.rules.add(keys)
    return [(mistake.path, mistake.message) for mistake in refused.value.mistakes]


def test_a_rule_by_request_is_judged_at_closes_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        made = at.services.rules.add(FAR, "token:bot")
        assert (made.of, made.origin, made.rule.name, made.rule.every) == ("A-B", "request", "abs(zscore) > 2", "1m")
        (fired,) = judge(at, [point(3.0)])
        assert (fired.alert_id, fired.pair, fired.state, fired.severity) == (made.id, "A-B", "firing", "page")
        at.services.alerts.save()
    with rig(tmp_path) as at:
        (again,) = at.services.rules.all()
        assert (again.id, again.owner, again.created_at, again.state.phase) == (made.id, "token:bot", made.created_at, "firing")
        assert again.rule == made.rule
        assert at.services.rules.owned("token:bot") == 1


def test_rules_of_pipelines_are_listed_beside_those_by_request(tmp_path: Path) -> None:
    with rig(tmp_path, alerts=[{"name": "apart", "when": "zscore > 2", "every": "1m"}]) as at:
        at.services.rules.add(PRICEY)
        at.services.alerts.add("corr", "A-B", ">", 0.5)
        assert [(rule.of, rule.origin, str(rule.rule.when)) for rule in at.services.rules.all()] == [
            ("A-B", "pipeline", "zscore > 2"),
            ("A", "request", "price > 150"),
            ("A-B", "request", "corr > 0.5"),
        ]
        assert [rule.metric for rule in at.services.alerts.rules()] == ["corr"], "the contract knows its own rules alone"
        assert at.services.rules.find("A-B/apart") is not None
        assert not at.services.rules.delete("A-B/apart")


def test_of_a_rule_that_is_deleted_nothing_is_left(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        at.services.learn_symbols(["A", "B", "G", "H"])
        before = set(at.state.kept), at.services.symbols.active(), [pair.name for pair in at.runtime.pairs]
        made = at.services.rules.add(FAR | {"of": "G-H"})
        assert "G-H" in [pair.name for pair in at.runtime.pairs]
        assert at.services.rules.delete(made.id)
        assert not at.services.rules.delete(made.id)
        at.services.symbols.sweep()
        assert at.services.rules.all() == []
        after = set(at.state.kept), at.services.symbols.active(), [pair.name for pair in at.runtime.pairs]
        assert after == before


def test_a_pair_stays_for_as_long_as_any_rule_watches_it(tmp_path: Path) -> None:
    def pairs() -> list[str]:
        return [pair.name for pair in at.runtime.pairs]

    with rig(tmp_path) as at:
        at.services.learn_symbols(["A", "B", "G", "H"])
        written, of_contract = at.services.rules.add(FAR | {"of": "G-H"}), at.services.alerts.add("corr", "G-H", ">", 0.5)
        at.services.rules.delete(written.id)
        assert pairs() == ["A-B", "G-H"]
        at.services.alerts.delete(of_contract.id)
        assert pairs() == ["A-B"]


@pytest.mark.parametrize(
    ("keys", "path", "text"),
    [
        (FAR | {"when": "zscore > two"}, "when", "column 10"),
        (FAR | {"when": "zscroe > 2"}, "when", "zscroe"),
        (FAR | {"evry": "1m"}, "evry", "unknown key"),
        (FAR | {"every": "7x"}, "every", "7x"),
        (FAR | {"send": ["pager"]}, "send[0]", "pager"),
        (FAR | {"of": "A-A"}, "of", "itself"),
        (FAR | {"regression": "olss"}, "regression", "olss"),
        (FAR | {"window": 1}, "window", ">= 2"),
        (PRICEY | {"when": "zscore > 2"}, "when", "zscore"),
        (PRICEY | {"window": 10}, "window", "symbol"),
        (FAR | {"window": 20, "until": "move(spread, 5) > 1"}, "until", "not kept"),
        (FAR | {"window": 20, "on": "tick"}, "on", "closes only"),
        (FAR | {"expires": "1970-01-01T00:00:00Z"}, "expires", "is over"),
    ],
)
def test_mistakes_are_those_of_a_config(tmp_path: Path, keys: dict[str, Any], path: str, text: str) -> None:
    with rig(tmp_path) as at:
        ((found, message),) = mistakes_of(at, keys)
        assert found == path
        assert text in message
        assert at.services.rules.all() == []


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        assert sorted(path for path, _ in mistakes_of(at, FAR | {"when": "zscroe > 2", "send": ["pager"]})) == ["send[0]", "when"]


def test_a_length_of_time_says_when_a_rule_expires(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        made = at.services.rules.add(FAR | {"expires": "8h"})
        assert made.created_at is not None
        assert made.rule.expires == made.created_at + 8 * 3_600_000


def test_a_rule_that_has_expired_is_deleted(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        at.services.rules.add(FAR | {"expires": "10m"})
        kept: KnownRule = at.services.rules.add(FAR)
        at.clock.advance_to(at.clock.now() + 12 * 60_000)
        at.services.rules.save()
        assert [rule.id for rule in at.services.rules.all()] == [kept.id]


@pytest.mark.parametrize("value", [b"\x80", b"[]", b'{"id":"bad"}', b'{"id":"other","keys":{"of":"A-B"},"created_at":1}', b""])
def test_a_kept_rule_that_is_broken_is_told_and_let_go(tmp_path: Path, value: bytes) -> None:
    with rig(tmp_path) as at:
        made = at.services.rules.add(FAR)
        at.state.kept["written/bad"] = value
    with rig(tmp_path) as at:
        assert [rule.id for rule in at.services.rules.all()] == [made.id]
        assert [(each.what, each.name) for each in at.services.status.troubles()] == [("store", "written/bad")]
        assert "written/bad" not in at.state.kept


def test_a_kept_rule_that_the_config_does_not_allow_any_more_is_told_until_it_is_deleted(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        made = at.services.rules.add(FAR)
        text = at.state.kept[f"written/{made.id}"].replace(b"abs(zscore) > 2", b"adf_stat < -3")
        at.state.kept[f"written/{made.id}"] = text
    with rig(tmp_path) as at:
        (trouble,) = at.services.status.troubles()
        assert (trouble.what, trouble.name) == ("rules", made.id)
        assert "adf_stat" in trouble.text
        assert at.services.rules.delete(made.id)
        assert at.services.status.troubles() == []


def test_a_pair_that_the_exchange_does_not_list_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        assert mistakes_of(at, FAR | {"of": "A-Y"}) == [("of", "Y: the exchange does not list it")]
        assert (at.services.rules.all(), [key for key in at.state.kept if "written" in key]) == ([], [])


def test_rules_of_the_config_are_judged_those_with_a_window_of_their_own_apart(tmp_path: Path) -> None:
    alerts: list[dict[str, Any]] = [{"name": "far", "of": "A-B", "when": "zscore > 2", "every": "1m"}]
    alerts += [{"name": "slow", "of": "A-B", "when": "zscore > 2", "every": "1m", "window": 20}]
    with rig(tmp_path, watched=alerts) as at:
        assert phases(at) == [("far", "inactive"), ("slow", "inactive")]
        assert [rule.origin for rule in at.services.rules.all()] == ["config", "config"]
        assert [alert.rule for alert in judge(at, [point(3.0)])] == ["far"]
        (slow,) = judge(at, [point(3.0, "A-B ols/20/1m")])
        assert (slow.rule, slow.pair) == ("slow", "A-B")
        assert [rule.window for rule in at.services.rules.all()] == [None, 20]
        assert not at.services.rules.delete("alerts/far")
