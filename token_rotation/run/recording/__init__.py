"""The stored record of a run: written while it runs, read by others, and a way to stop it."""
