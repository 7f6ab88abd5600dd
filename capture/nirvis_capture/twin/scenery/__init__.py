"""Streets: what stands and moves in them, painted as reflectance; knows nothing of cameras."""
