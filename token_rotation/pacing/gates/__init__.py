"""Readings of the server, or of the operator's own, that pause a rotation between two batches.

Each has a threshold to pause at and a lower one to go on at.
"""
