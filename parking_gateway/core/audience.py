"""For whom a space is. Everybody else is not expected on it; the gateway shows it and enforces nothing."""

from enum import StrEnum


class Audience(StrEnum):
    """The drivers that a space is for. A space for everybody has none."""

    DISABLED = "disabled"
    EV = "ev"
    FAMILY = "family"
    WOMEN = "women"
    CARSHARING = "carsharing"
    TAXI = "taxi"
    DELIVERY = "delivery"
    RESIDENT = "resident"
    STAFF = "staff"
    MOTORCYCLE = "motorcycle"
    BUS = "bus"
