"""The fast connection: messages, acknowledgements and publications of QoS 1 are read and written here, all else by paho."""

from collections.abc import Sequence

from paho.mqtt.enums import MessageType
from typing_extensions import override

from parking_gateway.broker import private
from parking_gateway.broker.message import Message
from parking_gateway.broker.packets import Cut, puback, publish, split
from parking_gateway.broker.paho_connection import PahoConnection
from parking_gateway.contract.publication import Publication


class FastConnection(PahoConnection):
    """One write for a batch of acknowledgements or a window of publications; one read for all that the socket holds."""

    @override
    def _cut(self, data: bytes) -> Cut:
        return split(data, is_v5=self._is_v5, limits=self._limits)

    @override
    def acknowledge(self, messages: Sequence[Message]) -> None:
        packets = puback(message.mid for message in messages if message.qos)
        if packets and self.is_connected:
            private.send_packets(self._paho, MessageType.PUBACK, packets)

    @override
    def send(self, publications: Sequence[Publication]) -> None:
        if not self.is_connected:
            raise self.lost()
        packets = []
        for one in publications:
            mid = private.next_packet_id(self._paho)
            self.answers.expect(mid, one.topic)
            packets.append(publish(one, mid=mid, is_v5=self._is_v5))
        private.send_packets(self._paho, MessageType.PUBLISH, b"".join(packets))
