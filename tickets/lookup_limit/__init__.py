"""A limit to failed look-ups by secret links, for each client.

A reusable app: nothing here knows a ticket.
"""
