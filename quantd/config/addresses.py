"""Checks the hosts, the origins and the address to listen on of the section `api:`."""

import re
from ipaddress import ip_address, ip_network
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


def as_network(text: str) -> str:
    """Return an address or a network (`10.0.0.0/8`). Raises ValueError for anything else, and for a network of everybody.

    >>> as_network("10.0.0.7"), as_network("fd00::/8")
    ('10.0.0.7', 'fd00::/8')
    """
    try:
        found = ip_network(text)
    except ValueError as error:
        hint = f": {error}" if "host bits" in str(error) else ""
        raise ValueError(f"{text!r} is not an address or a network{hint}: write it like 127.0.0.1 or 10.0.0.0/8") from None
    if not found.prefixlen:
        raise ValueError(f"{text!r} is everybody, who could then write any address into X-Forwarded-For: name the proxies")
    return text


def is_loopback(host: str) -> bool:
    """Return whether a host, as in `listen`, is this machine alone.

    >>> [is_loopback(host) for host in ("127.0.0.1", "[::1]", "localhost", "0.0.0.0", "::ffff:127.0.0.1", "quantd.example")]
    [True, True, True, False, True, False]
    """
    try:
        found = ip_address(host.strip("[]"))
    except ValueError:
        return host.lower().removesuffix(".") == "localhost"
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
