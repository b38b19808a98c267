"""Migrations that ``makemigrations`` writes for a rotating token.

It never touches a database.
"""
