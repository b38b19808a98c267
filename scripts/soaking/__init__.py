"""Rotation after rotation under random faults, with the promises checked after each."""
