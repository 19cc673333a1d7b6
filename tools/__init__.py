"""What is used on a checkout and not installed: generators of files that are made from code."""
