"""Numbers that are low or high, as a stranger would bring them to altasks."""
