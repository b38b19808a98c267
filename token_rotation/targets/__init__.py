"""From what an operator types to targets, filters and listed rows; rotates nothing."""
