"""Sentences with tags, spans or frames, and the files they come in."""
