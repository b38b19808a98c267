"""Keep what a rotation adds to other people's transactions within a budget.

A probe measures; the controller decides; the throttle acts.
"""
