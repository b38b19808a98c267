"""The periodic look at all operations.

It finds what to send again and what to report. It runs no action.
"""
