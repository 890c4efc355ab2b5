"""JSON Web Tokens: whose are accepted, for what, and none by a trick."""

import base64
import hmac
import json
import logging
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

from quantd.api.access.issuer import Issuer, Refused
from quantd.clock import EventClock, SystemClock
from quantd.config.access import AuthSettings, JwtSettings
from quantd.config.model import ApiSettings
from quantd.supervision.troubles import Troubles
from quantd.times import iso
from tests.clocks import HostClock

from .test_auth_sockets import LEGACY, at, ended, works
from .tokens import Guarded, guarded

ISSUER, SECRET = "https://id.example", "a secret of at least thirty-two bytes"
HS = JwtSettings(issuer=ISSUER, audience="quantd", secret=SECRET, leeway=5_000)
RSA, OTHER_RSA = (rsa.generate_private_key(public_exponent=65_537, key_size=2_048) for _ in range(2))
EC = ec.generate_private_key(ec.SECP256R1())
RSA_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def claims(**changed: Any) -> dict[str, Any]:
    """Claims that are accepted, without those that are changed to None."""
    now = SystemClock().now() // 1000
    good = {"iss": ISSUER, "aud": "quantd", "sub": "ops", "exp": now + 3_600, "scope": "openid write"}
    return {name: value for name, value in (good | changed).items() if value is not None}


def hs(**changed: Any) -> str:
    return jwt.PyJWS().encode(json.dumps(claims(**changed)).encode(), SECRET, "HS256")


def jwk(key: Any, kid: str, **more: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, **more}


@pytest.fixture
def jwks(tmp_path: Path) -> JwtSettings:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk(RSA, "r"), jwk(EC, "e", alg="ES256", use="sig")]}))
    return JwtSettings(issuer=ISSUER, audience="quantd", jwks=str(path))


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Guarded]:
    clock = HostClock(SystemClock().now())
    async with guarded(tmp_path / "state", ApiSettings(auth=AuthSettings(jwt=HS)), clock) as running:
        yield running


def why(settings: JwtSettings, text: str) -> str:
    with pytest.raises(Refused) as caught:
        Issuer(settings).grant(text, SystemClock().now())
    return str(caught.value)


async def test_an_issuer_closes_the_daemon_and_its_tokens_open_it(api: Guarded) -> None:
    assert (await api.ask("/symbols")).status == 401
    assert (await api.ask("/symbols", token=hs())).status == 200
    assert (await api.ask("/data/clear", "Content-Length: 0", token=hs(), method="POST")).status == 200
    answer = await api.ask("/data/clear", "Content-Length: 0", token=hs(scope="read"), method="POST")
    assert (answer.status, "'jwt:ops' has read" in answer.detail) == (403, True)
    assert (await api.ask("/symbols", token=hs(scope=None))).status == 403
    assert (await api.ask("/symbols", token=api.token("read"))).status == 200, "API tokens are accepted beside"


async def test_a_known_token_ends_when_it_says(api: Guarded) -> None:
    token = hs(exp=SystemClock().now() // 1000 + 60)
    assert (await api.ask("/symbols", token=token)).status == 200
    api.clock.go_on(60.0)
    assert (await api.ask("/symbols", token=token)).status == 200, "within the leeway"
    api.clock.go_on(6.0)
    assert (await api.ask("/symbols", token=token)).status == 401


async def test_who_is_known_is_let_in_beside_one_who_guesses(api: Guarded) -> None:
    token = hs()
    assert (await api.ask("/symbols", token=token)).status == 200
    guesses = [(await api.ask("/symbols", token=f"guess {number}")).status for number in range(20)]
    assert (guesses[0], guesses[-1]) == (401, 429)
    assert (await api.ask("/symbols", token=token)).status == 200


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"iss": "https://evil.example"}, "it is of another issuer"),
        ({"iss": None}, "it lacks iss, exp or aud"),
        ({"iss": [ISSUER]}, "it is of another issuer"),
        ({"aud": "other"}, "it is for another audience"),
        ({"aud": None}, "it lacks iss, exp or aud"),
        ({"exp": None}, "it lacks iss, exp or aud"),
        ({"exp": 1}, "it has expired"),
        ({"exp": "soon"}, "it cannot be read"),
        ({"exp": float("inf")}, "it cannot be read"),
        ({"nbf": 4_000_000_000}, "it is not valid yet"),
        ({"iat": 4_000_000_000}, "it is not valid yet"),
        ({"sub": 7}, "it cannot be read"),
    ],
)
def test_claims_are_checked(changed: dict[str, Any], text: str) -> None:
    assert why(HS, hs(**changed)) == text


def test_what_is_not_signed_by_the_key_is_refused() -> None:
    other = jwt.encode(claims(), "b" * 32, "HS256")
    assert why(HS, other) == "its signature is wrong"
    assert why(HS, jwt.encode(claims(), None, "none")) == "its algorithm is not accepted"
    assert why(HS, jwt.encode(claims(), SECRET, "HS512")) == "its algorithm is not accepted"
    assert why(HS, jwt.encode(claims(), RSA, "RS256")) == "its algorithm is not accepted"
    head, body, sign = hs().split(".")
    for text in (f"{head}.{body}.", f"{head}.{body}", f"{head}.{body}.{sign}.x", "", "a.b.c", f"{head}.{sign}.{body}", "é" * 9_000):
        assert why(HS, text)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, ["none"], 7])
def test_no_token_is_accepted_unsigned(jwks: JwtSettings, alg: object) -> None:
    for settings in (HS, jwks):
        for kid in ({}, {"kid": "r"}):
            assert why(settings, f"{part({'typ': 'JWT', 'alg': alg, **kid})}.{part(claims())}.")


@pytest.mark.parametrize("key", [RSA_PEM, RSA_PEM.strip(), json.dumps(jwk(RSA, "r")).encode()])
def test_a_public_key_is_no_secret(jwks: JwtSettings, key: bytes) -> None:
    """The attack on whoever lets the token choose: HS256 with the public key that everybody knows."""
    for kid in ({}, {"kid": "r"}, {"kid": "e"}):
        signed = f"{part({'typ': 'JWT', 'alg': 'HS256', **kid})}.{part(claims())}"
        sign = base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), sha256)).rstrip(b"=").decode()
        assert why(jwks, f"{signed}.{sign}") == "its key is not in the JWKS file"


@pytest.mark.parametrize("headers", [{"jwk": jwk(OTHER_RSA, "r")}, {"jku": "https://evil.example"}, {"x5c": ["MII"]}, {"kid": "../../x"}])
def test_a_token_brings_no_key_of_its_own(jwks: JwtSettings, headers: dict[str, Any]) -> None:
    assert why(jwks, jwt.encode(claims(), OTHER_RSA, "RS256", {"kid": "r", **headers}))


def test_keys_of_a_file(jwks: JwtSettings) -> None:
    issuer = Issuer(jwks)
    for key, algorithm, kid in ((RSA, "RS256", "r"), (EC, "ES256", "e")):
        for headers in ({"kid": kid}, {}):
            grant = issuer.grant(jwt.encode(claims(), key, algorithm, headers), SystemClock().now())
            assert (grant.name, sorted(grant.scopes)) == ("jwt:ops", ["public", "read", "write"])
    assert why(jwks, jwt.encode(claims(), RSA, "RS256", {"kid": "e"})) == "its key is not in the JWKS file"
    assert why(jwks, jwt.encode(claims(), RSA, "PS256", {"kid": "r"})) == "its key is not in the JWKS file"
    assert why(jwks, jwt.encode(claims(), OTHER_RSA, "RS256", {"kid": "r"})) == "its signature is wrong"
    assert why(jwks, hs()) == "its key is not in the JWKS file"


def replace_keys(settings: JwtSettings, *keys: dict[str, Any]) -> None:
    Path(settings.jwks).write_text(json.dumps({"keys": keys}))


async def test_a_key_that_is_taken_away_closes_the_sockets_of_its_tokens(jwks: JwtSettings, tmp_path: Path) -> None:
    settings, clock = ApiSettings(auth=AuthSettings(jwt=jwks)), HostClock(SystemClock().now())
    stays, leaves = jwt.encode(claims(), EC, "ES256", {"kid": "e"}), jwt.encode(claims(), RSA, "RS256", {"kid": "r"})
    async with (
        guarded(tmp_path / "state", settings, clock) as api,
        at(api, LEGACY, token=stays) as one,
        at(api, LEGACY, token=leaves) as other,
    ):
        assert await works(one, LEGACY)
        assert await works(other, LEGACY)
        replace_keys(jwks, jwk(OTHER_RSA, "r"), jwk(EC, "e", alg="ES256", use="sig"))
        clock.go_on(1.0)
        assert await ended(other) == (4401, [{"type": "auth", "state": "revoked"}])
        assert await works(one, LEGACY)


def test_a_changed_file_is_read_again_and_a_broken_one_lets_nobody_in(jwks: JwtSettings, caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(EventClock())
    issuer, path = Issuer(jwks, troubles), Path(jwks.jwks)
    good, token = path.read_text(), jwt.encode(claims(), RSA, "RS256", {"kid": "r"})
    now = SystemClock().now()
    assert issuer.grant(token, now)
    oct_key = {"kty": "oct", "k": "c2VjcmV0", "kid": "r"}
    for text in (
        "{",
        "[]",
        '{"keys":[]}',
        json.dumps({"keys": [oct_key]}),
        json.dumps({"keys": [jwk(RSA, "r", use="enc")]}),
        '{"keys":[7]}',
    ):
        path.write_text(text)
        issuer.look()
        with pytest.raises(Refused):
            issuer.grant(token, now)
        (trouble,) = troubles.present()
        assert (trouble.what, trouble.name, "no JWT is valid" in trouble.text) == ("access", "jwks", True)
    path.unlink()
    issuer.look()
    issuer.look()
    assert "cannot be read" in troubles.present()[0].text
    path.write_text(good)
    issuer.look()
    assert issuer.grant(token, now)
    assert troubles.present() == []
    path.write_text(json.dumps({"keys": [jwk(OTHER_RSA, "r")]}))
    issuer.look()
    with pytest.raises(Refused):
        issuer.grant(token, now)


def test_the_end_of_a_token_can_be_told() -> None:
    assert iso(Issuer(HS).grant(hs(exp=1e300), SystemClock().now()).until) == "9999-12-31T23:59:59.000Z"


def test_without_an_audience_any_is_accepted_and_the_claim_may_have_another_name() -> None:
    settings = replace(HS, audience="", claim="roles")
    grant = Issuer(settings).grant(hs(aud="other", roles=["admin", 7], scope="read"), SystemClock().now())
    assert "admin" in grant.scopes
    assert Issuer(settings).grant(hs(aud=None, roles="read", sub=None), SystemClock().now()).name == f"jwt:{ISSUER}"


def test_the_secret_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = ApiSettings(auth=AuthSettings(jwt=HS))
    assert why(HS, hs()[:-3] + "abc")
    assert SECRET not in repr(settings) + str(settings) + caplog.text
