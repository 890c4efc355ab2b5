"""What can go wrong between a program and the daemon. Each text says what to do."""

from typing import ClassVar

from quantd.errors import QuantdError


class ClientError(QuantdError):
    """Raised if the daemon does not answer, or does not do what it is asked. The subclasses say why."""

    exit_code: ClassVar[int] = 69  # EX_UNAVAILABLE


class Unreachable(ClientError):
    """Raised if no daemon answers at the address."""


class Unauthorized(ClientError):
    """Raised if the daemon demands a token, or the token is unknown, expired or revoked (401, 4401, 4408). `told` is the text without what
    to do."""

    exit_code = 77  # EX_NOPERM

    def __init__(self, told: str) -> None:
        super().__init__(f"{told}: pass a valid token as token= or in QUANTD_TOKEN")
        self.told = told


class Forbidden(ClientError):
    """Raised if the token does not have the right that is needed (403, 4403)."""

    exit_code = 77  # EX_NOPERM


class TooMany(ClientError):
    """Raised if there are too many requests, connections or subscriptions (429, 4429). `retry_after` is a number of seconds, if the daemon
    named it."""

    retry_after: float | None = None


class Refused(ClientError):
    """Raised if the daemon refuses a request: an unknown symbol, a wrong value. `status` is that of the answer, 0 for a topic."""

    status: int = 0


def of_status(status: int, detail: str, where: str) -> ClientError:
    """Return the error of an answer with this status."""
    text = f"{where}: {detail}"
    match status:
        case 401:
            return Unauthorized(text)
        case 403:
            return Forbidden(text)
        case 429:
            return TooMany(text)
        case 502 | 503 | 504:
            return Unreachable(text)
    error = Refused(text)
    error.status = status
    return error


def of_close(code: int, reason: str, where: str) -> ClientError | None:
    """Return the error of a socket that was closed with this code; None if connecting again helps."""
    why = f": {reason}" if reason else ""
    match code:
        case 4401 | 4408:
            return Unauthorized(f"{where}: the token is missing, unknown, expired or revoked{why}")
        case 4403:
            return Forbidden(f"{where}: the token has no right to this{why}")
        case 4429:
            return TooMany(f"{where}: {reason or 'too many connections or subscriptions'}")
    return None


def of_code(code: str, text: str) -> ClientError:
    """Return the error of a topic that was refused with this code."""
    match code:
        case "forbidden":
            return Forbidden(text)
        case "too_many_subscriptions":
            return TooMany(text)
    return Refused(text)
