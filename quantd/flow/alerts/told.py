"""What the engine returns."""

from quantd.flow.alerts.rule import AlertRule
from quantd.model import Alert

Told = tuple[Alert, AlertRule]
"""An alert and its rule."""
