"""What `api:` sets."""

from quantd.config.model import ApiSettings as ApiSettings
