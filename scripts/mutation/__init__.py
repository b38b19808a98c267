"""Small changes to the code, and the tests that must notice them. Knows no ticket."""
