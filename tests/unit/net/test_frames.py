"""However the stream is cut into chunks, the messages are those that the Sans-I/O parser alone finds in it."""

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from quantd.net import frames as net_frames
from quantd.net import texts as net_texts
from quantd.net.frames import LARGEST, FrameReader
from quantd.net.texts import Texts, find_texts

Found = tuple[list[tuple[Opcode, bytes]], Close | None, Close | None, list[tuple[Opcode, bytes]]]
"""Messages in order, the close received and the close sent, and the frames that were answered."""


def opened() -> ClientProtocol:
    return ClientProtocol(parse_uri("ws://127.0.0.1/"), state=State.OPEN, max_size=LARGEST)


def answered(parser: ClientProtocol) -> list[tuple[Opcode, bytes]]:
    """What the other end reads of what the parser has to say."""
    server = ServerProtocol(state=State.OPEN)
    for data in parser.data_to_send():
        if data:
            server.receive_data(data)
    return [(event.opcode, bytes(event.data)) for event in server.events_received() if isinstance(event, Frame)]


def parsed(stream: bytes) -> Found:
    """By the parser alone."""
    parser, found, begun = opened(), list[tuple[Opcode, bytes]](), list[Frame]()
    parser.receive_data(stream)
    for event in parser.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            begun.append(event)
            if event.fin:
                found.append((begun[0].opcode, b"".join(frame.data for frame in begun)))
                begun.clear()
        else:
            found.append((event.opcode, bytes(event.data)))
    parser.receive_eof()
    return found, parser.close_rcvd, parser.close_sent, answered(parser)


def cut(chunks: Iterable[bytes]) -> Found:
    parser, found = opened(), list[tuple[Opcode, bytes]]()
    reader = FrameReader(parser)
    for chunk in chunks:
        for message in reader.feed(chunk):
            found += [(message.opcode, bytes(message.data))] if isinstance(message, Frame) else [(Opcode.TEXT, text) for text in message]
    reader.end()
    assert parser.state is State.CLOSED
    return found, parser.close_rcvd, parser.close_sent, answered(parser)


def chunked(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(at for at in cuts if at < len(stream)), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(edges)]


def wire(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


texts = st.text(max_size=200).map(str.encode) | st.sampled_from([b"", b"{}", b"x" * 125, b"x" * 126, b"x" * 70_000])
sound = texts.map(lambda text: wire(Opcode.TEXT, text))
control = st.builds(wire, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))
binary = st.binary(max_size=200).map(lambda data: wire(Opcode.BINARY, data))
fragments = st.builds(
    lambda kind, first, others, between: (
        wire(kind, first.encode(), fin=False)
        + b"".join(between + wire(Opcode.CONT, part.encode(), fin=False) for part in others)
        + between
        + wire(Opcode.CONT, b"")
    ),
    st.sampled_from([Opcode.TEXT, Opcode.BINARY]),
    st.text(max_size=50),
    st.lists(st.text(max_size=50), max_size=3),
    control | st.just(b""),
)
close = st.builds(
    lambda code, reason: wire(Opcode.CLOSE, Close(code, reason).serialize()), st.sampled_from([1000, 1008]), st.text(max_size=9)
)
wrong = st.sampled_from(
    [
        wire(Opcode.TEXT, b"{}", fin=False) + wire(Opcode.TEXT, b"{}"),
        wire(Opcode.CONT, b"{}"),
        b"\x83\x02{}",
        b"\xc1\x02{}",
        b"\x81\x82\0\0\0\0{}",
        b"\x81\xfe\0\x82",
        b"\x09\x00",
        b"\x89\x7e\x00\x7e" + b"x" * 126,
        b"\x88\x01x",
        b"\x81\x7f" + (LARGEST + 1).to_bytes(8) + b"x" * 100,
        b"\x81\x7f" + b"\xff" * 8,
        b"\x82\x7f" + (LARGEST + 1).to_bytes(8),
    ]
)
streams = st.lists(sound | sound | sound | control | binary | fragments | close | wrong, max_size=12).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(streams, st.lists(st.integers(0, 2000), max_size=12))
@example(wire(Opcode.TEXT, b"x" * 70_000) + wire(Opcode.PING, b"p"), [3, 9, 40_000])
def test_messages_are_the_same_wherever_the_stream_is_cut(stream: bytes, cuts: list[int]) -> None:
    assert cut(chunked(stream, cuts)) == parsed(stream)


long_texts = st.builds(
    lambda size, letters: wire(Opcode.TEXT, (letters * (size // len(letters))).encode()),
    st.sampled_from([126, 129, 200, 256, 385, 33_150]),
    st.sampled_from(["x", "é", "~", "\u0401", "\u0401~\0\n234567"]),  # the last ones hold the first bytes of a frame
)
many = st.lists(long_texts | long_texts | long_texts | sound | control | close | wrong, max_size=12).map(b"".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(many, st.lists(st.integers(0, 4000), max_size=6))
def test_messages_are_the_same_if_all_frames_are_looked_for_at_once(
    monkeypatch: pytest.MonkeyPatch, stream: bytes, cuts: list[int]
) -> None:
    for module in (net_texts, net_frames):
        monkeypatch.setattr(module, "MUCH", net_texts.HEAD)
    assert cut(chunked(stream, cuts)) == parsed(stream)


def test_many_frames_are_found_at_once() -> None:
    payloads = [b'{"number": %d, "text": "%s"}' % (number, b"x" * (100 + 4 * number)) for number in range(10, 110)]
    stream = b"".join(wire(Opcode.TEXT, payload) for payload in payloads)
    for missing, whole in ((0, 100), (1, 99)):
        found = find_texts(bytearray(stream[: len(stream) - missing]))
        assert found is not None
        assert (list(found), len(found)) == (payloads[:whole], whole)
        assert (found[3], found[-1], list(found[2:5])) == (payloads[3], payloads[whole - 1], payloads[2:5])
        assert [json.loads(line) for line in found.lines.splitlines() if line] == [json.loads(text) for text in found]
    assert find_texts(bytearray(stream[:1000])) is None


@settings(max_examples=40, deadline=None)
@given(streams)
def test_messages_are_the_same_byte_by_byte(stream: bytes) -> None:
    stream = stream[:3000]
    assert cut(stream[at : at + 1] for at in range(len(stream))) == parsed(stream)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_taken_as_the_parser_takes_them(stream: bytes, cuts: list[int]) -> None:
    found, received, sent, answers = cut(chunked(stream, cuts))
    if sent is None or sent.code != 1007:
        assert (found, received, sent, answers) == parsed(stream)


@pytest.mark.parametrize("size", [125, 126, 0xFFFF, 0x10000, LARGEST])
@pytest.mark.parametrize("missing", [0, 1])
def test_texts_of_any_allowed_size_are_taken_once_they_are_whole(size: int, missing: int) -> None:
    stream = wire(Opcode.TEXT, b"x" * size)
    reader = FrameReader(opened())
    found = [list(reader.feed(chunk)) for chunk in (stream[: len(stream) - missing], b"x" * missing + wire(Opcode.TEXT, b"next"))]
    whole = [len(text) for messages in found for texts in messages if isinstance(texts, Texts) for text in texts]
    assert whole == [size, 4]
    assert bool(found[0]) is not bool(missing)


@pytest.mark.parametrize("fragmented", [True, False])
@pytest.mark.parametrize("bad", [b"\xff", b"\xc3\x28", b'{"a":"\xed\xa0\x80"}', "é".encode()[:1]])
def test_a_text_that_is_no_utf8_ends_the_connection(bad: bytes, fragmented: bool) -> None:
    before, after = wire(Opcode.TEXT, "é".encode()), wire(Opcode.TEXT, b"after")
    spoiled = wire(Opcode.TEXT, b"", fin=False) + wire(Opcode.CONT, bad) if fragmented else wire(Opcode.TEXT, bad)
    found, received, sent, _ = cut([before + spoiled + after])
    assert found == [(Opcode.TEXT, "é".encode())]
    assert received is None
    assert sent is not None
    assert sent.code == 1007


def test_a_text_cut_within_a_character_by_fragments_is_whole() -> None:
    first, second = "é".encode()[:1], "é".encode()[1:]
    found, *_ = cut([wire(Opcode.TEXT, first, fin=False) + wire(Opcode.CONT, second)])
    assert found == [(Opcode.TEXT, "é".encode())]
