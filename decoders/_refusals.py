"""How a codec says that a frame fits none of its device's messages."""

from decoders import Device, Frame, Undecodable


def unfit(frame: Frame, device: Device) -> Undecodable:
    """Return the refusal of a frame whose port is not the device's, or whose length no message of that port has."""
    if device.ports and frame.port not in device.ports:
        return Undecodable(f"port {frame.port} is unknown: {device.model} uses {', '.join(map(str, device.ports))}")
    return Undecodable(f"no message on port {frame.port} has {len(frame.payload)} bytes")
