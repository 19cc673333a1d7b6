"""What is wrong with what the gateway depends on, and what puts it right: broker, database, and every device."""
