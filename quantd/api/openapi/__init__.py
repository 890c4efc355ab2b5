"""The OpenAPI 3.1 document, made from the table of routes.

Route ──▶ complete    nothing may be missing, or the API does not start
      ──▶ operations  what a route takes (parameters) and answers (responses)
      ──▶ types       the structs of both, with their descriptions
examples.json ──▶ examples    answers that were recorded; a test records them again and compares
"""

from quantd.api.openapi.document import document, encoded

__all__ = ["document", "encoded"]
