"""The doors over HTTP. Each is closed, with 404, until it is configured."""
