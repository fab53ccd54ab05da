"""Data made on the spot or shipped by a registry package, for demos, examples and tests."""
