"""The `altasks` command. Loads nothing heavy until a command that needs it runs."""

from altasks.cli.app import app, main

__all__ = ["app", "main"]
