"""Datasets of other people, made into ours."""
