"""What others may rely on: `messages` on their topics, and `schemas`, the same as JSON Schema."""
