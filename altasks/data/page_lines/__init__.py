"""Text lines of whole pages, cut out of their images: PAGE XML and ALTO."""
