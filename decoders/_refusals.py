"""The refusal of a frame that fits none of its device's messages."""

from decoders import Device, Frame, Undecodable


def unfit(frame: Frame, device: Device) -> Undecodable:
    """Return the refusal of a frame with an unknown port, or with a length that no message of its port has."""
    if device.ports and frame.port not in device.ports:
        return Undecodable(f"port {frame.port} is unknown: {device.model} uses {', '.join(map(str, device.ports))}")
    size = len(frame.payload)
    return Undecodable(f"no message on port {frame.port} has {size} byte{'' if size == 1 else 's'}")
