"""What may be asked of the daemon, and ordered: the API, the CLI and the dashboard see only this."""
