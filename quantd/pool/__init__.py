"""Where the answers to requests are computed, so that one client's heavy questions hold up neither others nor the daemon itself.

    a request ──▶ reads   2 threads    bars out of the history
              ──▶ small   2 threads    what takes a tenth of a second at most
              ──▶ great   2 processes  all else; one that takes too long is killed

Each of the three has a line of its own (`Line`), in which peers take turns, and small questions go before great ones. asyncio's default
threads are left to the repair, the warm-up and the jobs.
"""

from quantd.pool.line import ANYBODY, BUDGET_S, Asker, Busy, Count, Line
from quantd.pool.pool import Pool
from quantd.pool.workers import Workers

__all__ = ["ANYBODY", "BUDGET_S", "Asker", "Busy", "Count", "Line", "Pool", "Workers"]
