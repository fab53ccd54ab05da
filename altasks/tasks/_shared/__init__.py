"""Code that tasks on different kinds of samples share."""
