"""The site's commands, one a file, as Django finds them; nothing else."""
