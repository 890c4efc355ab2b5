"""Demands that an API that others reach asks them for a token."""

from msgspec.structs import replace

from quantd.config.access import MODES, AuthSettings
from quantd.config.addresses import as_listen, is_loopback
from quantd.config.model import ApiSettings
from quantd.errors import QuantdError, checked

TOKEN = "make a token (quantd token create NAME --scope read), or name an issuer (api: {auth: {jwt: …}})"
LOOPBACK = "listen on this host alone (--listen 127.0.0.1:8000)"
ANYBODY = "let anybody read and write (--auth none, or api: {auth: {mode: none}})"


def served(
    settings: ApiSettings, listen: str | None, auth: str | None, *, tokens: bool, ways: tuple[str, ...] = (TOKEN, LOOPBACK, ANYBODY)
) -> ApiSettings:
    """Return the settings with what the options `--listen` and `--auth` say. Raises QuantdError if these are wrong, and if other hosts
    could reach the API while nobody can have a token; `tokens` says whether one was ever made, `ways` what the operator can do."""
    found = replace(settings, listen=checked("--listen", as_listen, listen) if listen else settings.listen, auth=_auth(settings.auth, auth))
    guarded = tokens or found.auth.jwt.issuer or found.auth.mode == "none"
    if guarded or is_loopback(found.listen.rpartition(":")[0]):
        return found
    choices = "".join(f"\n  - {way}" for way in ways)
    raise QuantdError(f"other hosts can reach {found.listen}, and there is no token that the API could ask them for. Choose:{choices}")


def _auth(settings: AuthSettings, text: str | None) -> AuthSettings:
    mode = next((each for each in MODES if each == text), None)
    if text is not None and mode is None:
        raise QuantdError(f"--auth: {text!r} is none of {', '.join(MODES)}")
    return settings if mode is None else replace(settings, mode=mode)
