"""Losses are held until the broker has confirmed their publication."""

from parking_gateway.core.events import DevEui
from parking_gateway.telemetry.losses import MOST_DEVICES, Losses, Unpublished

DEVICE = DevEui("a84041000181c061")


def test_losses_add_up_until_they_are_published() -> None:
    losses = Losses()
    losses.found({DEVICE: 2}, healed=0)
    first = losses.unpublished
    assert first == Unpublished(2, {DEVICE: 2})
    losses.found({DEVICE: 1}, healed=1)
    losses.published(first)
    assert losses.unpublished == Unpublished(3, {DEVICE: 3})
    losses.published(losses.unpublished)
    assert losses.unpublished is None


def test_a_message_names_a_limited_number_of_devices_and_counts_all() -> None:
    losses = Losses()
    losses.found({DevEui(f"{number:016x}"): 1 for number in range(MOST_DEVICES + 5)}, healed=0)
    assert losses.unpublished is not None
    assert (losses.unpublished.uplinks, len(losses.unpublished.devices)) == (MOST_DEVICES + 5, MOST_DEVICES)
