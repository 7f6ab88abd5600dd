"""Networks of the training methods."""
