"""What a rule tells, found the slow and obvious way: by looking each second at all that has been so far."""

from msgspec import Struct

from quantd.config.rules import Flapping, Rule

S = 1_000
Told = tuple[str, int, int, int, str]
"""State, since, ts, reminder, reason."""


class Seen(Struct):
    """Whether something held at a judgement, and the time with data before it."""

    at: int
    holds: bool
    covered: int


class SlowAlerts:
    """Follows one rule. `second` is called at each second, and `judge` at judgements, after the second of that moment."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.told: list[Told] = []
        self.firing_since: int | None = None
        self.for_want_of_data = False
        self.ended_at: int | None = None
        self.verdicts: list[bool] = []
        """Of `when`, since the last resolution."""
        self.waiting: list[Seen] = []
        """Whether what it waits for held, at each judgement since the last resolution."""
        self.ending: list[Seen] = []
        """Whether it was over, at each judgement of this firing."""
        self.missing_since: int | None = None
        self.changes: list[int] = []
        """Since the last silence."""
        self.silent_since: int | None = None
        self.reminded: list[int] = []
        self.over_and_out = False

    def second(self, now: int) -> None:
        """What time brings about, by itself."""
        if self.over_and_out:
            return
        if self.rule.expires is not None and now >= self.rule.expires:
            self._end(now)
            return
        self._look_for_missing_data(now)
        self._look_for_quiet(now)
        self._remind(now)

    def judge(self, now: int, when: bool | None, until: bool | None, covered: int) -> None:
        if self.over_and_out:
            return
        if when is not None:
            self.verdicts.append(when)
        of, needed = self.rule.times.of, self.rule.times.needed
        holds = None if when is None else self.verdicts[-of:].count(True) >= needed
        if self.firing_since is None:
            self._wait(now, holds, covered)
        elif self.rule.until is not None and not self.for_want_of_data:
            self._go_on(now, until, covered)
        else:
            self._go_on(now, None if holds is None else not holds, covered)

    def _wait(self, now: int, holds: bool | None, covered: int) -> None:
        if not self._known(now, holds):
            return
        self.waiting.append(Seen(now, bool(holds), covered))
        run = latest_run(self.waiting)
        if run and held(run) >= self.rule.for_ and self._rested(now):
            self._fire(now, run[0].at)

    def _go_on(self, now: int, over: bool | None, covered: int) -> None:
        if not self._known(now, over):
            return
        self.ending.append(Seen(now, bool(over), covered))
        run = latest_run(self.ending)
        if not run:
            self.for_want_of_data = False
        elif held(run) >= self.rule.keep_firing_for:
            self._resolve(now, "data are back" if self.for_want_of_data else "")

    def _known(self, now: int, holds: bool | None) -> bool:
        if holds is not None:
            self.missing_since = None
        elif self.missing_since is None:
            self.missing_since = now
        return holds is not None

    def _rested(self, now: int) -> bool:
        return self.ended_at is None or now - self.ended_at >= self.rule.cooldown

    def _fire(self, now: int, since: int, reason: str = "") -> None:
        self.firing_since, self.for_want_of_data = since, bool(reason)
        self.ending, self.reminded = [], []
        self._change("firing", now, since, reason)

    def _resolve(self, now: int, reason: str) -> None:
        since = self.firing_since
        assert since is not None
        self.firing_since, self.ended_at, self.last_since, self.for_want_of_data = None, now, since, False
        self.waiting, self.verdicts = [], []
        self._change("resolved", now, since, reason)

    def _change(self, state: str, now: int, since: int, reason: str) -> None:
        breaker = self.rule.flapping
        self.changes.append(now)
        if not isinstance(breaker, Flapping):
            self.told.append((state, since, now, 0, reason))
        elif self.silent_since is None:
            close = [at for at in self.changes if now - at < breaker.within]
            if len(close) >= breaker.changes:
                self.silent_since = now
                self.changes = [now]
                self.told.append(("flapping", since, now, 0, "flapping"))
            else:
                self.told.append((state, since, now, 0, reason))

    def _look_for_missing_data(self, now: int) -> None:
        if self.missing_since is None or now - self.missing_since < self.rule.no_data_for:
            return
        reason = f"no data for {self.rule.no_data_for // S}s"
        if self.rule.no_data == "fire" and self.firing_since is None and self._rested(now):
            self._fire(now, self.missing_since, reason)
        elif self.rule.no_data == "resolve" and self.firing_since is not None:
            self._resolve(now, reason)
        elif self.rule.no_data == "resolve":
            self.waiting = []

    def _look_for_quiet(self, now: int) -> None:
        breaker = self.rule.flapping
        if self.silent_since is not None and isinstance(breaker, Flapping) and now - self.changes[-1] >= breaker.within:
            self._speak_again(now, "no longer flapping")

    def _speak_again(self, now: int, why: str) -> None:
        untold = len(self.changes) - 1
        reason = f"{why}, {untold} change{'' if untold == 1 else 's'} not told"
        firing = self.firing_since is not None
        since = self.firing_since if self.firing_since is not None else self.last_since
        self.told.append(("firing" if firing else "resolved", since, now, 0, reason))
        self.changes, self.silent_since = [], None

    def _remind(self, now: int) -> None:
        if self.firing_since is None or self.silent_since is not None or not self.rule.repeat:
            return
        done = len(self.reminded)
        last = max(ts for state, _, ts, _, _ in self.told if state == "firing")
        if now - last >= self.rule.repeat[min(done, len(self.rule.repeat) - 1)]:
            self.reminded.append(now)
            self.told.append(("firing", self.firing_since, now, done + 1, ""))

    def _end(self, now: int) -> None:
        self.over_and_out = True
        if self.silent_since is not None:
            if self.firing_since is not None:
                self.last_since, self.firing_since = self.firing_since, None
            self._speak_again(now, "expired")
        elif self.firing_since is not None:
            self.told.append(("resolved", self.firing_since, now, 0, "expired"))
        self.firing_since = None

    @property
    def phase(self) -> str:
        if self.firing_since is not None:
            return "firing"
        return "pending" if latest_run(self.waiting) and not self.over_and_out else "inactive"


def latest_run(seen: list[Seen]) -> list[Seen]:
    """The judgements since the last one that did not hold."""
    run: list[Seen] = []
    for each in reversed(seen):
        if not each.holds:
            break
        run.insert(0, each)
    return run


def held(run: list[Seen]) -> int:
    """For how long it has held: the time before the first judgement does not count."""
    return sum(each.covered for each in run[1:])
