"""Computes the answers to requests, so that heavy requests of one client delay neither other clients nor the daemon.

    a request ──▶ reads   2 threads    bars from the history
              ──▶ small   2 threads    computations of at most a tenth of a second
              ──▶ great   2 processes  all others; one that takes too long is killed

Each of the three has its own queue (`Line`), which serves peers in turn and prefers cheap requests. asyncio's default threads are left to
repair, warm-up and jobs.
"""

from quantd.pool.line import ANYBODY, BUDGET_S, Asker, Busy, Count, Line
from quantd.pool.pool import Pool
from quantd.pool.workers import Workers

__all__ = ["ANYBODY", "BUDGET_S", "Asker", "Busy", "Count", "Line", "Pool", "Workers"]
