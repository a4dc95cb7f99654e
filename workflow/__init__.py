"""What the Snakefile needs besides rules; imports neither torch nor pandas."""
