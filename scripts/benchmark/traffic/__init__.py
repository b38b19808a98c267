"""Traffic beside a recipe, and what is seen of it from outside."""
