"""What people ask about a rotation: reports, history, evidence, valid tokens; changes no row."""
