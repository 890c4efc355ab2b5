"""Faults of the answer to a SUBSCRIBE. The subscription itself is made."""

import asyncio
import json
from typing import Any, Literal

from quantd.simulator.faults.fault import Connection, FaultRun, Frame, FrameFault
from quantd.simulator.faults.spec import Natural
from quantd.simulator.frames import TEXT, frame

WRONG_ID = 999_999_999


class Ack(FrameFault, frozen=True, kw_only=True):
    """Answers late by `delay_ms`, never, twice, with a wrong id, with an error, or after the first data of the connection."""

    mode: Literal["delay", "lose", "duplicate", "wrong_id", "error", "after_data"]
    delay_ms: Natural = 1_000

    def answer(self, run: FaultRun, connection: Connection, text: str) -> bool:
        if not run.strikes():
            return False
        answer = frame(TEXT, text.encode())
        if self.mode == "delay":
            asyncio.get_running_loop().call_later(self.delay_ms / 1000, connection.send, answer)
        elif self.mode == "after_data":
            run.held[connection.number].append(Frame("", b"", answer))
        elif self.mode == "duplicate":
            connection.send(answer * 2)
        elif self.mode != "lose":
            connection.send(frame(TEXT, json.dumps(self._false(json.loads(text)), separators=(",", ":")).encode()))
        return True

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        return frames + run.held.pop(connection.number, [])

    def _false(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self.mode == "wrong_id":
            return answer | {"id": WRONG_ID}
        return {"error": {"code": 2, "msg": "Invalid request: too many requests"}, "id": answer["id"]}
