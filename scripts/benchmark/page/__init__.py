"""The stored figures as a Markdown page and as plots."""
