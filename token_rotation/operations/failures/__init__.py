"""Errors: the stored form, and alerts to people.

Nothing here runs an operation.
"""
