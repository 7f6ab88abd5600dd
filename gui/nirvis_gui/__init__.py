"""The acquisition window."""
