"""The part of a network that no fit changes, and what it makes of each sample, kept."""
