"""Queues and labels of tools that people label texts in: doccano, Prodigy, Argilla."""
