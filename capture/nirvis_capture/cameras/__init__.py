"""Camera drivers behind one protocol."""
