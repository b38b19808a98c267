"""What an adopter's models and code use; the command's own work is elsewhere."""
