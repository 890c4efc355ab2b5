"""The REST and WebSocket API for the frontend, scripts and monitors."""
