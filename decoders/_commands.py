"""Values of commands. A command is a function of a codec that returns the port and the bytes of a downlink."""


def within(name: str, value: int, lowest: int, highest: int) -> int:
    """Return the value if it lies between both limits. Raises `ValueError`."""
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must be from {lowest} to {highest}, not {value}")
    return value
