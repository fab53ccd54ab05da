"""Images with boxes, and the files they come in."""
