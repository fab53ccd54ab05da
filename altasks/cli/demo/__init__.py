"""`altasks demo`: active learning beside random labels, on built-in data."""
