"""Where fresh tokens come from, in pure Python and SQL text. Nothing here reaches a database."""
