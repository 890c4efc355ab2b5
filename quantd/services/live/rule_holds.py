"""Keeps the symbols and pairs that rules made by request watch."""

from quantd.config.model import Config
from quantd.config.texts import as_legs
from quantd.errors import ConfigError, Mistake, QuantdError, close_to
from quantd.runtime.runtime import Runtime
from quantd.services.symbols import Symbols


class RuleHolds:
    """What each rule watches. A pair that the config does not name is processed for as long as a rule watches it."""

    def __init__(self, runtime: Runtime, config: Config, symbols: Symbols) -> None:
        self._runtime = runtime
        self._config = config
        self._symbols = symbols
        self._watched: dict[str, str] = {}

    def demand_supported(self, of: str) -> None:
        """Raise ConfigError unless the exchange lists the symbol, or both legs of the pair."""
        supported = self._symbols.supported()
        unknown = [symbol for symbol in of.split("-") if symbol not in supported]
        if unknown:
            text = f"{', '.join(unknown)}: the exchange does not list it"
            raise ConfigError([Mistake("rule", 0, 0, "of", text, close_to(unknown[0], supported) if of == unknown[0] else None)])

    def hold(self, rule_id: str, of: str) -> None:
        """Stream a symbol, or process a pair, because a rule watches it. Raises QuantdError if the pair cannot be processed."""
        self._watched[rule_id] = of
        if "-" not in of:
            self._symbols.hold(_holder(rule_id), [of])
            return
        legs = as_legs(of)
        self._symbols.hold(_holder(rule_id), legs)
        if not any(stage.name == of for stage in self._runtime.pairs):
            self._runtime.watch_pair(*legs)

    def begin(self, rule_id: str, of: str) -> None:
        """Hold what a new rule watches. If that cannot be processed, nothing is held, and QuantdError is raised."""
        try:
            self.hold(rule_id, of)
        except QuantdError:
            self.release(rule_id)
            raise

    def release(self, rule_id: str) -> None:
        """Let go of what a rule watched."""
        of = self._watched.pop(rule_id, "")
        if "-" in of and not self._is_wanted(of):
            self._runtime.drop_pair(of)
        self._symbols.release(_holder(rule_id))

    def _is_wanted(self, pair: str) -> bool:
        """Return whether the config or a rule names the pair."""
        return pair in [each.name for each in self._config.pairs] or pair in self._watched.values()


def _holder(rule_id: str) -> str:
    return f"rule:{rule_id}"
