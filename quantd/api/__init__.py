"""REST and WebSocket: what the frontend, scripts and monitors talk to."""
