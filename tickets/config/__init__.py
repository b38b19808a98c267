"""Configuration and start of the site.

Nothing here is for another package to import.
"""
