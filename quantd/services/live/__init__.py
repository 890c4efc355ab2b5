"""The services of a running flow."""
