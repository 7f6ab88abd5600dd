"""Clocks, trigger, counters, transfer and faults of the simulated cameras."""
