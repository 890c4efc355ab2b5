"""API tokens: who may use the API, and for what.

A token is `quantd_<id>_<secret>`, of which the file `tokens.json` in the state directory keeps the SHA-256 only. The command line changes
the file while the daemon runs, so it is replaced as a whole, under a lock of its own; the daemon notices that by the file's stamp.

    quantd token create ──▶ lock ──▶ new file ──▶ renamed over tokens.json ◀── stamp, once a half second ── Tokens ◀── each request
"""

import fcntl
import hmac
import logging
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from quantd.errors import QuantdError, StateUnusable, close_to
from quantd.supervision.troubles import Troubles
from quantd.times import iso

_log = logging.getLogger("quantd.tokens")
Right = Literal["read", "write", "admin"]
"""What a token is for. Each includes those before it."""
RIGHTS: tuple[Right, ...] = ("read", "write", "admin")
FILE = "tokens.json"
_FORM = re.compile(r"quantd_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NOBODY = sha256(b"").hexdigest()
_Stamp = tuple[int, int, int]


class Token(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token as it is kept. Times are in ms."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]
    name: Annotated[str, Meta(min_length=1)]
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the token's text, in hexadecimal digits."""
    scope: Right
    created: int
    expires: int | None = None
    """None if it does not expire."""
    revoked: int | None = None
    """When it was revoked; None if it was not."""

    @property
    def until(self) -> int | None:
        """When it ends or has ended; None if it does not."""
        return min((end for end in (self.expires, self.revoked) if end is not None), default=None)

    def ended(self, now: int) -> Literal["expired", "revoked"] | None:
        """Return why the token is not valid at `now`; None if it is valid."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else None


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1] = 1
    tokens: tuple[Token, ...]


def parts(text: str) -> tuple[str, str] | None:
    """Return the id and the secret of a token; None if it has not the form of one."""
    match = _FORM.fullmatch(text)
    return (match[1], match[2]) if match else None


def digest(text: str) -> str:
    """Return what is kept of a token."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class TokenFile:
    """The file of tokens in a state directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def is_there(self) -> bool:
        """Return whether a token was ever made; also if that cannot be told."""
        try:
            return self.stamp() is not None
        except OSError:
            return True

    def stamp(self) -> _Stamp | None:
        """Return what changes with the file; None if there is none. Raises OSError."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ctime_ns, found.st_ino, found.st_size

    def read(self) -> tuple[Token, ...]:
        """Return the tokens, oldest first; none if there is no file. Raises StateUnusable."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_File).tokens
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StateUnusable(f"{self.path} cannot be read: {error.strerror}: mend its owner or permissions") from None
        except (msgspec.MsgspecError, UnicodeError):
            raise StateUnusable(f"{self.path} is broken: put a copy back, or delete it and make the tokens anew") from None

    def create(self, name: str, scope: Right, now: int, expires: int | None) -> str:
        """Add a token and return its text, which is not kept. Raises QuantdError."""
        if not _NAME.fullmatch(name):
            raise QuantdError(f"{name!r} is not a name: take up to 64 letters, digits, dots, dashes and underscores, like grafana")
        with self._changing():
            tokens = self.read()
            if any(token.name == name and not token.ended(now) for token in tokens):
                raise QuantdError(f"a token {name!r} exists: take another name, or revoke it first (quantd token revoke {name})")
            text = f"quantd_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
            number, _ = text.removeprefix("quantd_").split("_", 1)
            made = Token(id=number, name=name, digest=digest(text), scope=scope, created=now, expires=expires)
            self._write((*tokens, made))
        return text

    def revoke(self, name: str, now: int) -> None:
        """Revoke the token of a name. Raises QuantdError."""
        with self._changing():
            tokens = self.read()
            if not any(token.name == name and not token.ended(now) for token in tokens):
                raise _no_token(name, tokens, now)
            self._write(tuple(_revoked(token, now) if token.name == name and not token.ended(now) else token for token in tokens))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock of the file, whose folder is made if needed. Raises StateUnusable."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(self._opened(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT), "r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise StateUnusable(f"{self.path} cannot be written: {error.strerror}") from None

    def _write(self, tokens: Sequence[Token]) -> None:
        """Replace the file as a whole. Raises OSError."""
        new = self.path.with_suffix(".new")
        with suppress(FileNotFoundError):
            new.unlink()
        with os.fdopen(self._opened(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_File(tokens=tuple(tokens))), indent=1))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _opened(self, path: Path, flags: int) -> int:
        """Open a file for its owner alone. That is the owner of the folder, also where root makes a token for a daemon that is not root."""
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        folder = self.path.parent.stat()
        if os.geteuid() == 0 and folder.st_uid:
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
        return descriptor


def _revoked(token: Token, now: int) -> Token:
    return msgspec.structs.replace(token, revoked=now)


def _no_token(name: str, tokens: Sequence[Token], now: int) -> QuantdError:
    """Return the error for a name that no valid token has."""
    for token in reversed(tokens):
        if token.name == name:
            return QuantdError(f"the token {name!r} is {token.ended(now)} since {iso(token.until or now)}")
    error = QuantdError(f"no token is named {name!r}; `quantd token list` shows those that are there")
    error.suggestion = close_to(name, {token.name for token in tokens})
    return error


class Tokens:
    """The tokens as a running daemon sees them: as they were in the file when it last looked.

    A file that cannot be read, is broken, or has gone, has tokens of which none is valid: whoever breaks it opens nothing.
    """

    def __init__(self, directory: Path, troubles: Troubles | None = None) -> None:
        self.exist = False
        """Whether a token has ever been made."""
        self.version = 0
        """Changes whenever the tokens do."""
        self._file = TokenFile(directory)
        self._troubles = troubles
        self._stamp: _Stamp | str | None = None
        self._tokens: dict[str, Token] = {}
        self.look()

    def look(self) -> None:
        """Read the file again if it has changed."""
        try:
            stamp = self._file.stamp()
        except OSError as error:
            self._fail(str(error.strerror), f"{self._file.path} cannot be read: {error.strerror}: mend its owner or permissions")
            return
        if stamp is None and self.exist:
            self._fail("gone", f"{self._file.path} is gone: put a copy back, or make tokens anew (quantd token create)")
        elif stamp != self._stamp:
            self._take(stamp)

    def _take(self, stamp: _Stamp | None) -> None:
        try:
            found = self._file.read()
        except StateUnusable as error:
            self._fail(stamp, str(error))
            return
        self._stamp, self.exist, self._tokens = stamp, True, {token.id: token for token in found}
        self.version += 1
        if self._troubles and self._troubles.end("access", FILE):
            _log.info("%s is read again: %d tokens", self._file.path, len(found))

    def _fail(self, stamp: _Stamp | str | None, text: str) -> None:
        """Note that no token is valid, since the file is not."""
        if stamp != self._stamp:
            _log.error("no token is valid: %s", text)
            self._stamp, self.exist, self._tokens = stamp, True, {}
            self.version += 1
        if self._troubles:
            self._troubles.begin("access", FILE, f"no token is valid: {text}")

    def by_id(self, number: str) -> Token | None:
        """Return the token of an id, valid or not; None if there is none."""
        return self._tokens.get(number)

    def of(self, text: str) -> tuple[Token | None, bool]:
        """Return the token that a text names by its id, and whether it is that token's text."""
        found = parts(text)
        token = self._tokens.get(found[0]) if found else None
        same = hmac.compare_digest(digest(text), token.digest if token else _NOBODY)
        return token, same and token is not None
