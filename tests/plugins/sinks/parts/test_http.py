"""How long an answer asks to wait."""

import pytest

from quantd_plugins.sinks.parts.http import host_of, retry_after

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": " 90 "}, 90),
        ({"Retry-After": "86400"}, 3600),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "Thu, 01 Jan 2026 00:02:00 GMT", "Date": DATE}, 120),
        ({"Retry-After": "Wed, 31 Dec 2025 00:00:00 GMT", "Date": DATE}, 0),
        ({"Retry-After": "Fri, 99 Jan 99999 00:00:00 GMT", "Date": DATE}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(("url", "host"), [("https://a.example/x?y", "a.example"), ("http://u:p@[::1]:8080/", "[::1]:8080")])
def test_the_host_is_what_may_be_shown(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("url", ["", "x", "http://", "https://a b/", "http://a:99999999/", "file:///etc/passwd", "http://a\n.example/"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="expected an address"):
        host_of(url)
