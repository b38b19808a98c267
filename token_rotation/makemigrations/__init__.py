"""What ``makemigrations`` writes for a rotating token on a table that serves traffic."""
