"""An embedded PostgreSQL server that runs while some process uses it.

`cluster` runs the server's programs, `lease` is held by every process that uses the server,
`keeper` starts the server and stops it after the last lease, `base` is the Django backend.
"""

DATABASE_NAME = "tickets"
