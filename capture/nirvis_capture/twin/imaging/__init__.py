"""From a street to counts: lenses, splitter, sensors, noise."""
