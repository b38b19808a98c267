"""The library's own tables, step by step; a released migration is never changed."""
