"""How the site is configured and started, and nothing that another package imports."""
