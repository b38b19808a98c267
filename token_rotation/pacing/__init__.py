"""The pace of a rotation.

It covers batch sizes, waits, and readings of the server. No UPDATE here.
"""
