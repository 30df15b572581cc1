"""A viewer of the page that receives everything and draws nothing: the cost of a browser on another machine.

python benchmarks/receiving_viewer.py http://127.0.0.1:8380
"""

from __future__ import annotations

import sys
from urllib.parse import urlsplit, urlunsplit

import msgspec
import viser
from websockets.sync.client import connect

_CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": (1.0, 0.0, 0.0, 0.0),
    "position": (1.5, -1.0, 1.7),
    "fov": 1.0,
    "near": 0.01,
    "far": 1000.0,
    "image_height": 500,
    "image_width": 700,
    "look_at": (0.0, -0.1, 1.15),
    "up_direction": (0.0, 0.0, 1.0),
}
"""A viewer counts from when it has told where it looks from."""


def main(address: str) -> None:
    """Connect and receive until the page is gone."""
    socket = urlunsplit(urlsplit(address)._replace(scheme="ws"))
    with connect(socket, subprotocols=[f"viser-v{viser.__version__}"], compression=None, max_size=None) as page:  # type: ignore[list-item]
        page.send(msgspec.msgpack.encode(_CAMERA))
        received, shown = 0, 0
        for message in page:
            received += len(message)
            if received - shown > 100_000:
                shown = received
                print(f"{received / 1e6:.0f} MB received", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
