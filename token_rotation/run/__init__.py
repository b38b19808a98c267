"""One rotation for one operator: look, rotate, record, show, sum up; no SQL, no workers."""
