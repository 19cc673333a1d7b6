"""The channels that the devices of a codec have."""

from collections.abc import Iterator

from parking_gateway.decoding import codecs


def refused_channel(codec: codecs.Codec, channel: int) -> Iterator[str]:
    """The reason why a device with this codec has no such channel."""
    channels = codec.device.channels
    if channel and channel not in channels:
        has = ", ".join(map(str, channels)) or "none, because it has one sensor"
        yield f"channel cannot be {channel}: the channels of {codec.name} are {has}"
