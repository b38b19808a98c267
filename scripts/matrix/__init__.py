"""The tests of the database on every supported version of PostgreSQL, Django and Python."""
