"""The sub-commands of nirvis, one module each, imported when they are called."""
