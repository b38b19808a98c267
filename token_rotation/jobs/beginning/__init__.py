"""Where a run begins: with what the last one left, alone, or shared out among workers."""
