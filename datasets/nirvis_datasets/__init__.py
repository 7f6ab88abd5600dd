"""From registered pairs to batches."""
