"""What one thing costs beside the rest of the work."""
