"""Our datasets in the formats of other people."""
