"""The steps of an operation, declared; nothing here runs them."""
