"""Devices and what is wrong with them."""

from typing import Final

from parking_gateway.contract.messages import DeviceMessage
from parking_gateway.contract.overview import Page
from parking_gateway.contract.rendering import device_message
from parking_gateway.core.due import DueDevice
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact
from parking_gateway.store import overview
from parking_gateway.store.overview import WantedDevices
from parking_gateway.web.api.endpoint import Asked, DevEui, Endpoint, Name, PageAsked, Whole, encode, paged
from parking_gateway.web.api.problem import nothing
from parking_gateway.web.desk import WebDesk


class DevicesAsked(PageAsked, frozen=True, kw_only=True):
    """Which devices."""

    site: Name | None = None
    """Only those of this site."""
    zone: Name | None = None
    """Only those of zones with this name."""
    contact: Contact | None = None
    """Only those that are heard, or are not."""
    problem: Problem | None = None
    """Only those with this problem, whatever others they have."""
    has_problem: bool | None = None
    """Only those with a problem, or only those without one."""


class DeviceAsked(Asked, frozen=True, kw_only=True):
    """One device."""

    dev_eui: DevEui


_DEVICES: Final = "/devices"


async def _devices(desk: WebDesk, asked: DevicesAsked) -> Whole:
    wanted = WantedDevices(
        site=asked.site,
        zone=asked.zone,
        contact=asked.contact,
        problem=asked.problem,
        has_problem=asked.has_problem,
    )
    (rows,) = await desk.read(overview.devices(wanted, after=asked.after, limit=asked.limit + 1))
    return paged(rows, asked, path=_DEVICES, place=_place, item=device_message)


async def _device(desk: WebDesk, asked: DeviceAsked) -> Whole:
    (rows,) = await desk.read(overview.device_with(asked.dev_eui.lower()))
    if not rows:
        raise nothing(f"device {asked.dev_eui}")
    return Whole(content=encode(device_message(rows[0])))


def _place(row: DueDevice) -> str:
    return row.key


ENDPOINTS: Final = (
    Endpoint(
        path=_DEVICES,
        name="listDevices",
        summary="Devices with their health, by DevEUI",
        asked=DevicesAsked,
        answers=Page[DeviceMessage],
        work=_devices,
    ),
    Endpoint(
        path=f"{_DEVICES}/{{dev_eui}}",
        name="getDevice",
        summary="One device",
        asked=DeviceAsked,
        answers=DeviceMessage,
        work=_device,
        statuses=(404,),
    ),
)
