"""A limit to failed look-ups by secret links.

It holds for each client. A reusable app: nothing here knows a ticket.
"""
