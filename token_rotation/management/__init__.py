"""Management commands: each parses its arguments and hands over.

The work lives below.
"""
