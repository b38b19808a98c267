"""What goes wrong: one class a kind, each skipped where it cannot be had."""
