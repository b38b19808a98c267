"""One command a file, as Django finds them; nothing else."""
