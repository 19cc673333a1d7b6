"""The commands: a module for each noun that a person types."""
