"""VACUUM and REINDEX, beside a rotation and after it.

No token is written here.
"""
