"""The ticket site, the library's first adopter.

It uses the public face alone.
"""
