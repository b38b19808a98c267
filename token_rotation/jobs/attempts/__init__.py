"""One worker's work: batch after batch, at its pace, with retries."""
