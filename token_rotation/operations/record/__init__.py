"""How the row of an operation is created, found and changed; models.py puts it together."""
