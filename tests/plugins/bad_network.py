"""A network that loses and delays packets: a TUN device of this machine, whose packets come back to it.

The kernel's own way, `tc netem`, is missing in many kernels. A packet to the far address goes into the device; here its two
addresses are exchanged, which changes no checksum, and it comes back as a packet from the far address to the near one. So a
program that connects to the far address reaches a program that listens on the near one, and each packet passes here.
"""

import fcntl
import os
import struct
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from random import Random
from select import select
from typing import Final

_TUN: Final = "/dev/net/tun"
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x1001
_IPV4: Final = 4
_LARGEST: Final = 65_536
_TICK: Final = 0.005

NO_NETWORK: Final = "no TUN device can be made here: it takes root and /dev/net/tun"


class BadNetwork:
    """The device, and a thread that carries its packets."""

    def __init__(self) -> None:
        """Raises OSError where no TUN device can be made."""
        self.loss = 0.0
        """The part of the packets that is lost, 0 to 1."""
        self.delay = 0.0
        """Seconds that every packet takes."""
        self.carried = 0
        self.lost = 0
        """How many packets."""
        self._dice = Random(1)
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._is_open = True
        self._device = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
        try:
            made = fcntl.ioctl(self._device, _TUNSETIFF, struct.pack("16sH22x", b"parking%d", _IFF_TUN_NO_PI))
            name = made[:16].rstrip(b"\0").decode()
            # The number is the kernel's, so that trials side by side have networks of their own.
            network = f"10.213.{name.removeprefix('parking')}"
            self.near, self.far = f"{network}.1", f"{network}.2"
            for words in (f"address add {self.near}/24 dev {name}", f"link set {name} up"):
                subprocess.run(["ip", *words.split()], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            os.close(self._device)
            raise OSError(error.stderr) from error
        except BaseException:
            os.close(self._device)
            raise
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def close(self) -> None:
        """Remove the device."""
        self._is_open = False
        self._thread.join()
        os.close(self._device)

    def _carry(self) -> None:
        while self._is_open:
            select([self._device], [], [], _TICK)
            with suppress(BlockingIOError):
                while self._is_open:
                    self._take(os.read(self._device, _LARGEST))
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                os.write(self._device, self._waiting.popleft()[1])

    def _take(self, packet: bytes) -> None:
        if packet[0] >> 4 != _IPV4:
            return
        if self._dice.random() < self.loss:
            self.lost += 1
            return
        self.carried += 1
        turned = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        if self.delay or self._waiting:
            self._waiting.append((time.monotonic() + self.delay, turned))
        else:
            os.write(self._device, turned)
