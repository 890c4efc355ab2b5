"""The sections `auth:` and `auth.jwt:` of `api:`, which say who may use the API."""

from os.path import expanduser
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct
from msgspec.structs import replace

from quantd.config.addresses import as_network
from quantd.config.shapes import parsed
from quantd.timeframes import duration

Network = Annotated[str, parsed(as_network)]
Mode = Literal["tokens", "none"]
MODES: tuple[Mode, ...] = get_args(Mode)
_SHORTEST_SECRET = 32


def _as_leeway(text: str) -> int:
    """Return the ms of a duration of at most five minutes. Raises ValueError."""
    if (leeway := duration(text)) > 300_000:
        raise ValueError(f"{text!r} is more than 5m: set the clocks of both hosts with NTP")
    return leeway


Leeway = Annotated[int, parsed(_as_leeway, {"pattern": "^[0-9]+(ms|s|m)$"})]


class JwtSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `jwt:`, with the issuer whose tokens are accepted."""

    issuer: Annotated[str, Meta(description="The `iss` of accepted tokens. Without it, none is accepted.")] = ""
    audience: Annotated[str, Meta(description="The `aud` that tokens must have.")] = ""
    secret: Annotated[str, Meta(description="The shared secret of tokens that are signed with HS256; at least 32 bytes.")] = ""
    jwks: Annotated[str, Meta(description="A JWKS file with the keys of RS256 or ES256, relative to the config.")] = ""
    claim: Annotated[str, Meta(min_length=1, description="The claim that holds read, write or admin.")] = "scope"
    leeway: Leeway = 30_000

    def __post_init__(self) -> None:
        if not self.issuer:
            if self.audience or self.secret or self.jwks:
                raise ValueError("'issuer' is missing: the `iss` of the tokens that are accepted")
            return
        if bool(self.secret) == bool(self.jwks):
            raise ValueError("an issuer needs either a secret (HS256) or a JWKS file (RS256, ES256): set `secret` or `jwks`")
        if self.secret and len(self.secret.encode()) < _SHORTEST_SECRET:
            raise ValueError(f"secret: it has less than {_SHORTEST_SECRET} bytes, so that it could be guessed: make a longer one")

    def __repr__(self) -> str:
        return f"JwtSettings(issuer={self.issuer!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("issuer", self.issuer)]


def found_from(folder: Path, settings: JwtSettings) -> JwtSettings:
    """Return the settings with the path of the JWKS file as seen from where the config's folder is seen; ~ is the home directory."""
    return replace(settings, jwks=str(folder / expanduser(settings.jwks))) if settings.jwks else settings


class AuthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `auth:`, with what is asked of callers."""

    mode: Annotated[
        Mode,
        Meta(description="`tokens`: once a token or an issuer exists, callers need one. `none`: all may read and write."),
    ] = "tokens"
    loopback: Annotated[
        Literal["token", "open"],
        Meta(description="`open`: callers on this host may read and write without a token, also where others need one."),
    ] = "token"
    jwt: JwtSettings = JwtSettings()
