"""The search of a whole database for copies of leaked tokens.

It knows no declared model: it reads every table that the role may read.
"""
