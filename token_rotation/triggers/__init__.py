"""Triggers that a model's Meta.triggers names.

Installing them is for migrations. Texts and names here are frozen: a trigger's hash is stored in
the database and in migrations.
"""
