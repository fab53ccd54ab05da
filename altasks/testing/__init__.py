"""Conformance suites: inherit one, supply a fixture, and know that your part behaves.

They need pytest and are imported from their modules, such as `altasks.testing.strategies`.
"""
