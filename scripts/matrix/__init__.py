"""The tests of the database on every supported version of PostgreSQL, and their dated results."""
