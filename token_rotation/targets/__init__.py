"""Targets, filters and listed rows from what an operator types.

Rotates nothing.
"""
