"""The API with an administrator, who may do everything, as often as it likes."""

from pathlib import Path

from aiohttp.web import Application

from quantd.api.access.gate import Gate
from quantd.api.app import make_app
from quantd.api.context import Render
from quantd.clock import SystemClock
from quantd.config.limits import LimitSettings, Quota
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices
from quantd.tokens import TokenFile, Tokens

_WIDE = Quota(rate=1e6, burst=1_000_000)
UNLIMITED = LimitSettings(cheap=_WIDE, analytics=_WIDE, write=_WIDE, admin=_WIDE, logins=_WIDE, rules=100_000)


def administered(services: FakeServices, folder: Path, metrics: Render) -> tuple[Application, dict[str, str]]:
    """The application, whose tokens are kept in a folder, and the header that the administrator sends."""
    settings = ApiSettings(limits=UNLIMITED)
    token = TokenFile(folder).create("administrator", "admin", SystemClock().now(), None)
    gate = Gate(settings, Tokens(folder))
    return make_app(services, settings, metrics, gate=gate), {"Authorization": f"Bearer {token}"}
