"""Hosts and origins that the config may name."""

import re

import pytest

from quantd.config.addresses import as_host, as_origin
from quantd.config.model import DEV_ORIGINS


@pytest.mark.parametrize(
    "text", [*DEV_ORIGINS, "https://quantd.example", "http://a:8000", "http://[::1]", "https://10.0.0.1:1", "tauri://localhost"]
)
def test_an_origin(text: str) -> None:
    as_origin(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("*", "every page"),
        ("null", "any page"),
        ("", "write scheme://host or"),
        ("localhost:8080", "write scheme://host or"),
        ("localhost", "write scheme://host or"),
        ("//localhost:8080", "write scheme://host or"),
        ("http://", "write scheme://host or"),
        ("http://[", "write scheme://host or"),
        ("http://*.example", "write scheme://host or"),
        ("http://user@a", "write scheme://host or"),
        ("http://a:port", "write scheme://host or"),
        ("http://a b", "write scheme://host or"),
        ("http://币安.example", "write scheme://host or"),
        ("http://localhost:8080/", "write http://localhost:8080"),
        ("http://localhost:8080/app?x#y", "write http://localhost:8080"),
        ("HTTP://LocalHost:8080", "write http://localhost:8080"),
        ("http://localhost:80", "write http://localhost"),
        ("https://a:443", "write https://a"),
    ],
)
def test_no_origin(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=rf"{re.escape(says)}(?:$|[ ,])"):
        as_origin(text)


@pytest.mark.parametrize("text", ["quantd.example", "quantd", "Quantd.Example.", "xn--fiqs8s", "10.0.0.1", "::1", "[::1]", "a_b"])
def test_a_host(text: str) -> None:
    as_host(text)


@pytest.mark.parametrize(
    "text", ["", "*", "*.example", ".example", "a:80", "http://a", "a/b", "a b", "a..b", "-a", "[a]", "[::1]:80", "币安.example", "a" * 254]
)
def test_no_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"like |write "):
        as_host(text)


def test_a_name_of_other_letters_is_told_as_clients_send_it() -> None:
    with pytest.raises(ValueError, match=r"like xn--brse-5qa\.example$"):
        as_host("börse.example")
