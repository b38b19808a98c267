"""Read a CSV file as it is: its bytes, its quotes, its records, and what is broken in it."""
