"""The public contract: `messages` and their topics, `rendering` from rows, and `schemas`, the messages as JSON Schema."""
