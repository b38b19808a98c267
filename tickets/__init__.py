"""The ticket site, the library's first adopter: it uses the public face alone."""
