"""SQL that asks the server's catalogues and statistics. Takes no lock on a row."""
