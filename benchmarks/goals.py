"""Rows that end with whether a goal is met."""


def row(name: str, measured: float, goal: float, unit: str = "", *, most: bool = False) -> bool:
    """Print a goal, what was measured, and whether the goal is met. With `most` it is the greatest value allowed, otherwise the least."""
    met = measured <= goal if most else measured >= goal
    bound = "at most" if most else "at least"
    print(f"{name}: {number(measured)}{unit}, {bound} {number(goal)}{unit}: goal {'met' if met else 'missed'}", flush=True)
    return met


def number(value: float) -> str:
    """Return a number with three digits, or with all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
