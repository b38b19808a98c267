"""An embedded PostgreSQL server that runs while processes use it.

`cluster` runs the server's programs. Every process that uses the server holds a `lease`. `keeper`
starts the server and stops it after the last lease. `base` is the Django backend.
"""

DATABASE_NAME = "tickets"
