"""Looks at the table and the server, and their meaning.

Changes nothing.
"""
