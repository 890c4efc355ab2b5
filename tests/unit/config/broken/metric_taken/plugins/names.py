"""Jobs whose metrics have names that are taken."""

import quantd


class OwnZ(quantd.PairJob):
    """Computes a z-score of its own."""

    metrics = ("price", "own", "zscore")

    def run(self, view):
        return {"price": 1.0, "own": 2.0, "zscore": 3.0}


class Twice(OwnZ):
    """Names one twice."""

    metrics = ("seen", "seen")


class Silent(quantd.PairJob):
    """Names none."""

    def run(self, view):
        return {}


class Seen(OwnZ):
    """Names one."""

    metrics = ("seen",)


class SeenToo(OwnZ):
    """Names the same, and another."""

    metrics = ("mine", "seen")


class Nameless(OwnZ):
    """Gives its metrics no names."""

    metrics = ("", "a b")


@quantd.hookimpl
def register_jobs(register):
    register("own-z", OwnZ)
    register("twice", Twice)
    register("silent", Silent)
    register("seen", Seen)
    register("seen-too", SeenToo)
    register("nameless", Nameless)
