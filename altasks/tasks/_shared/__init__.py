"""What tasks on different kinds of samples share."""
