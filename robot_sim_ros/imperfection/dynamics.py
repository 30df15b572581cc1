"""Scale masses and friction of a body in PyBullet. A scale of 1 restores the loaded values exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BodyDynamics:
    """Remembers the loaded values of a body. `scale` always starts from these, so nothing adds up over episodes."""

    def __init__(self, client: Any, body: int, links: Mapping[int, str]):
        """`links`: PyBullet's index -> name; -1 is the base."""
        self._client, self._body, self._links = client, body, dict(links)
        self._loaded = {link: client.getDynamicsInfo(body, link) for link in links}

    def scale(self, mass: Mapping[str, float], friction: float) -> None:
        """Scale masses and inertias by link name (1 for a link that is not named), and the friction of all links."""
        for link, name in self._links.items():
            loaded_mass, loaded_friction, inertia = self._loaded[link][:3]
            by = mass.get(name, 1.0)
            settings: dict[str, Any] = {"lateralFriction": loaded_friction * friction}
            if loaded_mass:  # the base is fixed and has no mass
                # Without the inertia, PyBullet would compute one from the collision shapes.
                settings |= {"mass": loaded_mass * by, "localInertiaDiagonal": [entry * by for entry in inertia]}
            self._client.changeDynamics(self._body, link, **settings)
