"""The typed topics of `/api/v1/ws`.

    hub, looks, log lines ──▶ board: rows wait ──▶ flush: one numbered frame a topic ──▶ frame log (bounded)
                                                                                       │        │
                                       clients in step, in groups of the same topics ◀─┘        └─▶ clients that catch up

A client in step gets each new frame as it is made, in one write a flush. A client that has just subscribed, or that reads slowly, has a
number for each topic instead: the last frame that it was sent. It catches up from the frame logs in pieces, and is told of frames that
are no longer there. No frame waits for a single client.
"""
