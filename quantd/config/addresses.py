"""Checks the hosts, the origins and the address to listen on of the section `api:`."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?a){_LABEL}(?:\.{_LABEL})*")
_PORTS = {"http": 80, "https": 443}
_STRANGE = re.compile(r"[/\s@]")


def is_ip(host: str) -> bool:
    """Return whether a host is an IP address; one of version 6 has no brackets.

    >>> is_ip("127.0.0.1"), is_ip("::1"), is_ip("127.1"), is_ip("localhost")
    (True, True, False, False)
    """
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_name(host: str) -> bool:
    """Return whether a host can be a host name, in lower case and without a dot at its end.

    >>> is_name("quantd.example"), is_name("xn--fiqs8s"), is_name("a..b"), is_name("quantd.example:80")
    (True, True, False, False)
    """
    return len(host) <= 253 and bool(_NAME.fullmatch(host))


def as_host(text: str) -> str:
    """Return the name or the address of one host as it is written. Raises ValueError for anything else."""
    if text == "*" or text.startswith(("*.", ".")):
        raise ValueError(f"{text!r} lets names of others lead here: write each name that this API is reached by, like quantd.example")
    if not text.isascii():
        raise ValueError(f"{text!r} is not what clients send: write the name as ASCII, like {_ascii(text)}")
    host = text.lower().removesuffix(".")
    if not is_name(host) and not is_ip(host.strip("[]")):
        raise ValueError(f"{text!r} is not a host: write its name without scheme, port or path, like quantd.example")
    return text


def _ascii(name: str) -> str:
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return "xn--fiqs8s.example"


def as_origin(text: str) -> str:
    """Return an origin as a browser sends it in `Origin`. Raises ValueError for anything else, and for an origin that would let every page
    read with the user's credentials."""
    if text == "*":
        raise ValueError("'*' would let every page read answers with the user's credentials: name origins, like http://localhost:8080")
    if text.lower() == "null":
        raise ValueError("'null' is the origin of any page without one: serve yours over http, and name that, like http://localhost:8080")
    try:
        right = _origin(text)
    except ValueError:
        right = None
    if right is None:
        raise ValueError(f"{text!r} is not an origin: write scheme://host or scheme://host:port, like http://localhost:8080")
    if right != text:
        raise ValueError(f"{text!r} is not what browsers send: write {right}")
    return text


def _origin(text: str) -> str | None:
    """Return the origin of an address as browsers write it: in lower case, without path and without the scheme's default port; None if it
    has none."""
    parts = urlsplit(text)
    host = parts.hostname or ""
    if not re.fullmatch(r"(?a)[a-z][a-z0-9+.-]*", parts.scheme) or not text.isascii() or "@" in parts.netloc:
        return None
    if not is_name(host) and not is_ip(host):
        return None
    port = "" if parts.port is None or parts.port == _PORTS.get(parts.scheme) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def as_listen(text: str) -> str:
    """Return a `host:port` to listen on. Raises ValueError for anything else."""
    host, _, port = text.rpartition(":")
    if not host or _STRANGE.search(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{text!r} is not host:port, like 127.0.0.1:8000")
    return text
