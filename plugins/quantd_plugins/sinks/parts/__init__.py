"""Parts that several sinks use: the message about an alert, templates, HTTP."""
