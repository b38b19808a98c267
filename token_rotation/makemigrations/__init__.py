"""What ``makemigrations`` writes for a rotating token; it never touches a database."""
