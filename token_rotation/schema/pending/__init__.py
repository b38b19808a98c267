"""What a migration asks about pending rows before it goes on."""
