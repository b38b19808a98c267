"""What is kept of an error, and who is told of it; nothing here runs an operation."""
