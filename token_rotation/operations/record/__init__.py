"""Create, find and change the row of an operation.

models.py combines these modules.
"""
