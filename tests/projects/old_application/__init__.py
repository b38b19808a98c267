"""The application as it was before the leak: it knows no marker and makes tokens itself.

It stands for the old code that still runs while ``migrate`` and the deploy of the new code go on.
"""
