"""Looks at the table and the server, and what they mean; changes nothing."""
