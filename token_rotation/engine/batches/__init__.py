"""One batch on one connection: find its rows, update them, learn what committed."""
