"""Describes network errors in a few words for operators."""

import os
import re
import socket
import ssl

ADVICE = {
    403: "the exchange's firewall refuses us: wait, or connect from another address",
    429: "too many requests from this address: stop what else asks from here",
    451: "the exchange does not serve this location: connect from another one",
}
"""Advice by the status of an answer."""


_LOGIN = re.compile(r"(?<=//)[^/?#\s]*@")


def shown(url: str) -> str:
    """Return an address for the log, without the name and password of a proxy.

    >>> shown("https://name:password@proxy.example/fapi")
    'https://***@proxy.example/fapi'
    """
    return _LOGIN.sub("***@", url)


def cause(error: BaseException) -> str:
    """Return the cause of an error as one line, never empty.

    >>> cause(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"))
    'connection refused'
    """
    import aiohttp

    found = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        found = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        found = error.os_error
    elif isinstance(error, aiohttp.ServerDisconnectedError):
        return "it hung up without an answer"
    elif isinstance(error, aiohttp.ClientPayloadError):
        return "the answer was cut short"
    return _of_system(found) if isinstance(found, OSError) else shown(" ".join(str(found).split())) or type(found).__name__


def _of_system(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name of the host cannot be looked up ({error.strerror or error})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"no TLS can be agreed on ({(error.reason or str(error)).replace('_', ' ').lower()})"
    text = os.strerror(error.errno) if error.errno else str(error)  # asyncio puts the failed call where the system's text belongs
    return text[:1].lower() + text[1:] or type(error).__name__
