"""The handlers of the REST API, one module per subject."""
