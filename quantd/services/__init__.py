"""The requests and orders that the daemon accepts. The API, the CLI and the dashboard use only these services.

Each module holds one protocol and the structs that it passes: `symbols`, `market`, `analytics`, `alerts`, `status`, `events`; `bundle`
combines them. `live` implements them for a running flow, `quantd.testing.services` in memory.
"""
