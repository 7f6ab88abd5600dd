"""Losses of the training methods: pure functions and small modules, each a scalar."""
