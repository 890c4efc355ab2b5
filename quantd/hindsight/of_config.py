"""The alert rules that a config has on pairs, and on symbols."""

from quantd.config.model import Config
from quantd.flow.alerts.rule import AlertRule, of_config, of_pipeline


def rules_of_config(config: Config) -> list[AlertRule]:
    """Return the rules of the pipelines, on each pair that goes through them, and those of `alerts:`."""
    rules = [of_pipeline(rule, pair.name) for pair in config.pairs for rule in config.pipelines[pair.pipeline].alerts]
    return [*rules, *(of_config(rule, rule.of) for rule in config.alerts)]
