"""Pretrained networks that metrics compare pictures by; their weights are files of the user."""
