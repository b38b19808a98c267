"""The page of jobs: start them with their forms, approve, pause and stop runs, retry items."""
