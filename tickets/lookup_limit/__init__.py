"""How many look-ups by a secret link may fail for one client before it has to wait.

A reusable app: it knows nothing of tickets.
"""
