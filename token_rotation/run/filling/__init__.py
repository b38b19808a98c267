"""Fill of a shadow column for an operator: look, fill, record, verify, sum up."""
