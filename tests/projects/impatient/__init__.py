"""A site whose server may be silent for two seconds, and without a sign of life for one."""
