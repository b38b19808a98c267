"""What the ORM writes of a guarded token, and what its instances are told of it.

Hooks of saves, inserts and updates. The database's own rules are in triggers/.
"""
