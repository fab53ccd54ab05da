"""People who label in Kili."""
