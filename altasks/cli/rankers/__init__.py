"""What the shell must know of each task to rank samples for it."""
