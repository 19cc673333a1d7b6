"""The section [home_assistant]: the car park as devices of Home Assistant."""

from typing import Literal

from parking_gateway.process.config.values import Section, TopicRoot


class HomeAssistantConfig(Section):
    """Device discovery."""

    enabled: bool = False
    prefix: TopicRoot = "homeassistant"
    form: Literal["spaces", "zones"] = "spaces"

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The topic on which Home Assistant says that it has started. Every gateway receives it."""
        return (f"{self.prefix}/status",) if self.enabled else ()
