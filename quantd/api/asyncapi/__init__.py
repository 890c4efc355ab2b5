"""The AsyncAPI 3 document of the WebSockets, made from the structs of their messages.

sockets   a table: path, commands and frames of each
topics    the channels of `/api/v1/ws`, from the table of topics
messages  the structs as messages, with their schemas
examples.json ──▶ examples    messages that were recorded; a test records them again and compares
"""

from quantd.api.asyncapi.document import document, encoded

__all__ = ["document", "encoded"]
