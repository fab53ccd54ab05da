"""Plumbing that every package of altasks may use; not for use from outside."""
