"""What feeds of any venue import from quantd.net, and what importing costs."""

from quantd import net
from tests.house.test_face import loaded_by

FACE = "ADVICE Attempts Backoff Budget WebSocket BoundedQueue Message ProxyFault Refused Rejected Sleep Texts cause dial http_session shown"
HEAVY = {"aiohttp", "websockets"}


def test_the_public_names_are_these() -> None:
    assert sorted(FACE.split()) == dir(net)


def test_every_public_name_is_there_and_told() -> None:
    assert [name for name in dir(net) if getattr(net, name, None) is None] == []
    assert [name for name in dir(net) if name not in f"{net.__doc__}" and name != "Sleep"] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(net, "no_such_name")


def test_who_does_not_stream_loads_no_client() -> None:
    assert loaded_by("from quantd.net import ADVICE, Backoff, Budget, cause, shown") & HEAVY == set()
    assert "websockets" in loaded_by("from quantd.net import dial")
