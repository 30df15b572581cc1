"""The web server of a page: viser, guarded, with an empty scene."""

from __future__ import annotations

import contextlib
import io

import viser

from robot_page_ros.access import guarded
from robot_page_ros.page_config import LOCAL, PageConfig


def open_server(config: PageConfig) -> viser.ViserServer:
    """Start a server at the configured address, or at the next free port."""
    with (
        guarded(config.host in LOCAL, config.token),
        contextlib.redirect_stdout(io.StringIO()),
    ):  # viser prints addresses of its own
        server = viser.ViserServer(config.host, config.port, verbose=False)
    server.scene.set_up_direction("+z")
    server.initial_camera.position = (1.5, -1.0, 1.7)
    server.initial_camera.look_at = (0.0, -0.1, 1.15)
    server.scene.add_grid("/floor", width=4.0, height=4.0, cell_size=0.25, section_size=1.0)
    return server


def address_of(config: PageConfig, server: viser.ViserServer) -> str:
    """Return the address to open in a browser; it contains the token."""
    host = config.host if ":" not in config.host else f"[{config.host}]"
    token = f"/?token={config.token}" if config.token else ""
    return f"http://{host}:{server.get_port()}{token}"


def close_server(server: viser.ViserServer) -> None:
    """End the server."""
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()
