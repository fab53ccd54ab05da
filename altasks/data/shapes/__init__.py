"""Shapes that people drew on images, tool by tool, and the boxes or masks they make."""
