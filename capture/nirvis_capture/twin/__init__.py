"""The simulated rig: scene, optics, sensor and electronics with known truth."""
