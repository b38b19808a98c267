"""Other people's packages: each is adopted in a project of its own, and its tokens rotate there."""
