"""Alert rules in the full grammar, over REST."""

import msgspec
import pytest

from quantd.api.app import make_app
from quantd.conditions.parse import parse_condition
from quantd.config.limits import LimitSettings
from quantd.config.model import ApiSettings
from quantd.config.rules import Flapping, Rule, Times
from quantd.errors import Mistake, QuantdError
from quantd.rule_state import RuleState
from quantd.services.rules import KnownRule
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices

from .conftest import Ask
from .serving import ApiServer, request, told

PAIR = "BTCUSDT-ETHUSDT"
RULES = "/api/v1/alerts/rules"
GIVEN = {"of": PAIR, "when": "abs(zscore) > 2", "every": "1m"}


async def test_the_life_of_a_rule(ask: Ask) -> None:
    status, made = await ask(RULES, "POST", json=GIVEN)
    assert (status, made["of"], made["when"], made["origin"]) == (200, PAIR, "abs(zscore) > 2", "request")
    assert made["state"] == {"phase": "inactive", "since": None, "value": None, "due": None, "triggered_at": None, "trigger_count": 0}
    assert await ask(RULES) == (200, [made])
    assert await ask(f"{RULES}/{made['id']}") == (200, made)
    assert await ask(f"{RULES}/{made['id']}", "DELETE") == (200, {"status": "ok", "message": f"Deleted rule {made['id']}"})
    for method in ("GET", "DELETE"):
        assert await ask(f"{RULES}/{made['id']}", method) == (404, {"detail": f"Rule {made['id']} not found"})
    assert await ask("/alerts") == (200, []), "the contract lists its own rules alone"


async def test_all_keys_are_shown_as_a_config_has_them(ask: Ask, services: FakeServices) -> None:
    rule = Rule(
        name="far",
        when=parse_condition("zscore outside -2..2"),
        on="tick",
        every="5m",
        for_=90_000,
        until=parse_condition("abs(zscore) < 1"),
        keep_firing_for=60_000,
        cooldown=3_600_000,
        times=Times(3, 5),
        repeat=(60_000, 300_000),
        expires=START,
        no_data="fire",
        late=True,
        severity="page",
        labels={"desk": "crypto"},
        coverage=0.5,
        flapping=Flapping(4, 30_000),
        send=("log",),
    )
    services.rules.known["a/far"] = KnownRule(
        "a/far", PAIR, "pipeline", rule, RuleState("pending", START), 2.5, START + 90_000, window=120, regression="kalman"
    )
    _, (row,) = await ask(RULES)
    state = {"phase": "pending", "since": "2026-01-01T00:00:00.000Z", "value": 2.5, "due": "2026-01-01T00:01:30.000Z"}
    assert row == {
        "id": "a/far", "of": PAIR, "origin": "pipeline", "created_at": None, "name": "far", "when": "zscore outside -2..2", "on": "tick",
        "every": "5m", "for": "90s", "until": "abs(zscore) < 1", "keep_firing_for": "1m", "cooldown": "1h", "times": "3 of 5",
        "repeat": ["1m", "5m"], "expires": "2026-01-01T00:00:00.000Z", "no_data": "fire", "no_data_for": "5m", "late": True,
        "severity": "page", "labels": {"desk": "crypto"}, "coverage": 0.5, "flapping": {"changes": 4, "in": "30s"}, "send": ["log"],
        "window": 120, "regression": "kalman", "state": state | {"triggered_at": None, "trigger_count": 0},
    }  # fmt: skip
    services.rules.known["a/far"] = msgspec.structs.replace(
        services.rules.known["a/far"], rule=msgspec.structs.replace(rule, flapping=False)
    )
    _, row = await ask(f"{RULES}/a%2Ffar")
    assert row["flapping"] == "off"


async def test_a_rule_of_a_file_is_not_deleted(ask: Ask, services: FakeServices) -> None:
    rule = Rule(name="far", when=parse_condition("zscore > 2"))
    for origin, where in (("pipeline", "in a pipeline"), ("config", "under `alerts:` of quantd.yaml")):
        services.rules.known["far"] = KnownRule("far", PAIR, origin, rule, RuleState())  # type: ignore[arg-type]
        assert await ask(f"{RULES}/far", "DELETE") == (400, {"detail": f"Rule far stands {where}: take it out there"})


async def test_a_rule_of_the_contract_is_deleted_here_too(ask: Ask, services: FakeServices) -> None:
    made = services.alerts.add("price", "BTCUSDT", ">", 1.0)
    assert (await ask(f"{RULES}/{made.id}", "DELETE"))[0] == 200
    assert services.alerts.rules() == []


async def test_each_mistake_has_a_line(ask: Ask, services: FakeServices) -> None:
    services.rules.mistakes = [
        Mistake("rule", 0, 0, "when", "column 1: no metric 'zscroe'", "zscore"),
        Mistake("rule", 0, 0, "send[0]", "no sink"),
        Mistake("rule", 0, 0, "", "is no rule"),
    ]
    status, found = await ask(RULES, "POST", json=GIVEN)
    assert status == 400
    assert found["detail"].splitlines() == [
        "when: column 1: no metric 'zscroe' (did you mean 'zscore'?)",
        "send[0]: no sink",
        "is no rule",
    ]


async def test_what_cannot_be_processed_is_refused(ask: Ask, services: FakeServices) -> None:
    services.rules.refusal = QuantdError("its legs have no bars in common")
    assert await ask(RULES, "POST", json=GIVEN) == (400, {"detail": "its legs have no bars in common"})


@pytest.mark.parametrize("body", ["[]", '{"of": "BTCUSDT"}', "null", '{"when": "price > 1"}', "{"])
async def test_what_is_no_order_is_refused(ask: Ask, body: str) -> None:
    assert (await ask(RULES, "POST", data=body))[0] == 422


async def test_a_caller_has_so_many_rules_of_both_kinds(services: FakeServices) -> None:
    body = msgspec.json.encode(GIVEN)
    make = request(RULES, f"Content-Length: {len(body)}", method="POST", body=body)
    services.alerts.add("price", "BTCUSDT", ">", 1.0, "ip:127.0.0.1")
    async with ApiServer(make_app(services, ApiSettings(limits=LimitSettings(rules=2)))) as server:
        assert [(await told(server.port, make)).status for _ in range(2)] == [200, 429]
