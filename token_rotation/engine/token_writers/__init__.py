"""How an UPDATE gets its fresh tokens. The rest of the engine knows no kind of token."""
