"""Generators of files that are made from code. They are used on a checkout and not installed."""
