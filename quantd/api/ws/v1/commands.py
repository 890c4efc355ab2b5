"""Reads the commands of a client, and says what is wrong with one that cannot be obeyed."""

from typing import Any

import msgspec

from quantd.api.schema import topics as frames

_decoder: msgspec.json.Decoder[frames.Commands] = msgspec.json.Decoder(frames.Commands)
_loose = msgspec.json.Decoder()


def command(text: str | bytes) -> frames.Commands | frames.Error:
    """Parse a message. Return the error to answer if it is none that is known.

    >>> command('{"action":"ping","id":7}')
    Ping(id=7)
    >>> command('{"action":"dance","id":7}').code
    'unknown_action'
    """
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return _complaint(text, error)


def _complaint(text: str | bytes, error: Exception) -> frames.Error:
    given = _given(text)
    if "action" in given and given["action"] not in frames.ACTIONS:
        what = f"there is no such action: there are {', '.join(frames.ACTIONS)}"
        return frames.Error(code="unknown_action", text=what, id=_id(given))
    wrong = str(error) if given else "a command is a JSON object with an action"
    return frames.Error(code="bad_message", text=f"The command cannot be read: {wrong}", id=_id(given))


def _given(text: str | bytes) -> dict[str, Any]:
    try:
        found = _loose.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _id(given: dict[str, Any]) -> frames.Id:
    """Return the id of a command that cannot be read otherwise, so that its sender knows which it was."""
    try:
        found: frames.Id = msgspec.convert(given.get("id"), frames.Id)
    except msgspec.ValidationError:
        return None
    return found
