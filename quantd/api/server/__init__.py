"""What lies between the bytes of a connection and the handlers."""
