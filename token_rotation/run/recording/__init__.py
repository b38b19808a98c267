"""The stored record of a run: written meanwhile, read by others, a way to stop it; no display."""
