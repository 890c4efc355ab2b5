"""What may be asked of the daemon, and ordered: the API, the CLI and the dashboard see only this.

One module a noun holds its protocol and the structs that cross it: `symbols`, `market`, `analytics`, `alerts`, `status`, `events`; `bundle`
puts them together. `live` implements them on a running flow, `quantd.testing.services` in memory.
"""
