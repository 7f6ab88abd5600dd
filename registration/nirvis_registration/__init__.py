"""From raw clips to registered pairs."""
