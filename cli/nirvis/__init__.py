"""The nirvis command."""
