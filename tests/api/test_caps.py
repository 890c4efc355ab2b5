"""How many things one caller may have at a time: rules, sockets, connections."""

from quantd.api.app import make_app
from quantd.config.limits import LimitSettings
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices

from .serving import ApiServer, request, told

RULE = b'{"metric":"price","pair":"BTCUSDT","op":">","value":1}'
MAKE = request("/alerts", f"Content-Length: {len(RULE)}", method="POST", body=RULE)


def served(services: FakeServices, limits: LimitSettings) -> ApiServer:
    return ApiServer(make_app(services, ApiSettings(limits=limits)))


class TestRules:
    async def test_a_caller_has_so_many(self, services: FakeServices) -> None:
        services.alerts.add("price", "BTCUSDT", ">", 1.0)
        services.alerts.add("price", "BTCUSDT", ">", 1.0, "ip:192.0.2.1")
        async with served(services, LimitSettings(rules=2)) as server:
            assert [(await told(server.port, MAKE)).status for _ in range(2)] == [200, 200]
            refused = await told(server.port, MAKE)
            assert (refused.status, refused.detail) == (429, "Too many rules: you have 2 already, delete one first")
            (own, _) = [rule for rule in services.alerts.rules() if rule.owner == "ip:127.0.0.1"]
            assert (await told(server.port, request(f"/alerts/{own.id}", method="DELETE"))).status == 200
            assert (await told(server.port, MAKE)).status == 200
        assert len(services.alerts.rules()) == 4
