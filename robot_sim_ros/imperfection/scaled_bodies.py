"""Scale colours, masses and friction of bodies in PyBullet. A scale of 1 restores the loaded values exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from robot_sim_ros.imperfection.draw import Vector


class Colours:
    """Remembers the loaded colours of every shape of a body; `scale` always starts from these."""

    def __init__(self, client: Any, body: int):
        self._client, self._body = client, body
        self._shapes: list[tuple[int, int, Vector]] = []
        counted: dict[int, int] = {}
        for shape in client.getVisualShapeData(body):
            link, rgba = shape[1], shape[7]
            index = counted[link] = counted.get(link, -1) + 1
            self._shapes.append((link, index, rgba))

    def scale(self, scale: Vector) -> None:
        """Scale red, green and blue of every shape; values above 1 are set to 1."""
        for link, index, (*rgb, alpha) in self._shapes:
            scaled = [min(1.0, colour * by) for colour, by in zip(rgb, scale)]
            self._client.changeVisualShape(self._body, link, shapeIndex=index, rgbaColor=[*scaled, alpha])


class Palette:
    """Colours of everything that cameras see, in the groups of `draw.TINTED`, each with a scale of its own."""

    def __init__(self, bodies: Mapping[str, Iterable[tuple[Any, int]]]):
        """`bodies`: group of TINTED -> BulletClients and bodies in them."""
        self._bodies = {group: [Colours(client, body) for client, body in members] for group, members in bodies.items()}
        self._scales: Mapping[str, Vector] = {}

    def scale(self, scales: Mapping[str, Vector]) -> bool:
        """Scale red, green and blue of the named groups; return whether any colour has changed."""
        if scales == self._scales:
            return False
        self._scales = scales
        for group, scale in scales.items():
            for colours in self._bodies.get(group, ()):
                colours.scale(scale)
        return True


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
