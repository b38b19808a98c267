"""What is rotated and which of its rows: pure values, no Django and no database."""
