"""Masses and inertias of a URDF: finds impossible ones, and estimates missing ones from the shapes.

A simulator that finds no usable inertial assumes 1 kg and 1 kg m2, a hundred times the values of a small link. One NaN makes
all results of a simulation NaN.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.urdf.faults.shapes import MeshBox, Solid, all_solids, solids, together
from robot_interface_ros.urdf.pose import element_pose, written
from robot_interface_ros.urdf.robot_model import RobotModel

DENSEST = 8000.0
"""kg/m3, steel: largest possible density of a link within its bounding box."""
OUTLIER = 10.0
"""A single link that is this many times denser than steel, and heavier than all others together, has a typing error."""
DENSITY = 1000.0
"""kg/m3, for estimated masses: roughly that of hollow castings and of printed parts with motors."""
HEAVIEST_KG = 1e5
LIGHTEST_KG = 1e-3
SHAPELESS_SHARE = 0.01
"""Mass of a moving link without any shape, as a share of the median mass of the other links."""
LEAST_INERTIA = 1e-7
"""kg m2: a ball of 10 g and 5 mm radius."""
MOST_GYRATION = 4.0
"""Largest possible radius of gyration, in diagonals of a link's bounding box."""
_ENTRIES = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2), "izz": (2, 2)}


def divide_grams(robot: ElementTree.Element, mesh_box: MeshBox) -> list[str]:
    """Divide masses and inertias by 1000 if most masses are impossible and so probably in grams; return the links' names.

    Most of the links with known extents must agree: the shape of a single link may stand for a larger one.
    """
    impossible: list[str] = []
    possible: list[str] = []
    inertials = {link.get("name", ""): link.find("inertial") for link in robot.findall("link")}
    for link in robot.findall("link"):
        name = link.get("name", "")
        volume, mass = _box_volume(link, mesh_box), _mass(inertials[name])
        if mass > 0.0 and volume > 0.0:
            (impossible if mass > DENSEST * volume else possible).append(name)
    if len(impossible) <= len(possible):
        return []
    # Links without a shape have the unit that most of the others have.
    grams = [name for name, inertial in inertials.items() if _mass(inertial) > 0.0 and name not in possible]
    for name in grams:
        inertial = inertials[name]
        assert inertial is not None  # it has a mass
        for element in (*inertial.findall("mass"), *inertial.findall("inertia")):
            for key, value in element.attrib.items():
                element.set(key, repr(_number(value, 0.0) / 1000.0))
    return grams


def repair_impossible(robot: ElementTree.Element, mesh_box: MeshBox) -> list[str]:
    """Replace physically impossible masses and inertias by estimates; return the names of their links.

    Impossible are values that are not finite numbers, masses below 0 or beyond HEAVIEST_KG, a single link far denser than
    steel, inertias that are not positive, and inertias that do not fit the link's extents.
    """
    repaired = []
    links = robot.findall("link")
    masses = {link.get("name", ""): _mass(link.find("inertial")) for link in links}
    for link in links:
        inertial, name = link.find("inertial"), link.get("name", "")
        if inertial is None:
            continue
        _repair_origin(inertial)
        mass, tensor, shapes = _mass(inertial, math.nan), _tensor(inertial), solids(link, mesh_box)
        volume = _box_volume(link, mesh_box)
        outlier = (
            volume > 0.0
            and mass > OUTLIER * DENSEST * volume
            and mass > sum(value for other, value in masses.items() if other != name)
        )
        if not 0.0 <= mass <= HEAVIEST_KG or outlier:
            link.remove(inertial)
            masses[name] = 0.0
            if shapes:
                link.insert(0, _estimated(shapes))
            repaired.append(name)
        elif not _possible(mass, tensor, all_solids(link, mesh_box)):
            _write_tensor(inertial, _spread(mass, shapes))
            repaired.append(name)
    return repaired


def complete(text: str, mesh_box: MeshBox) -> tuple[str, list[str]]:
    """Return the URDF with a mass and an inertia for every moving body, and the names of the links that got estimates.

    A body is a set of links that are fixed to each other. If one of them has an inertial, the others may lack one.
    """
    model, robot = RobotModel.from_urdf(text), ElementTree.fromstring(text)
    links = {link.get("name", ""): link for link in robot.findall("link")}
    bodies: dict[str, list[str]] = {}
    carriers = model.carriers
    for name in links:
        if carriers[name] != carriers[model.root]:
            bodies.setdefault(carriers[name], []).append(name)
    typical = [mass for link in links.values() for mass in [_mass(link.find("inertial"))] if mass > 0.0]
    light = max(SHAPELESS_SHARE * float(np.median(typical)) if typical else 0.0, LIGHTEST_KG)
    given = []
    for carrier, names in bodies.items():
        if sum(_mass(links[name].find("inertial")) for name in names) <= 0.0:
            given += _give_mass(links, carrier, names, light, mesh_box)
            continue
        heavy = [name for name in names if _mass(links[name].find("inertial")) > 0.0]
        if all(float(np.linalg.eigvalsh(_tensor(links[name].find("inertial"))).min()) <= 0.0 for name in heavy):
            for name in heavy:
                inertial = links[name].find("inertial")
                assert inertial is not None  # it is heavy
                _write_tensor(inertial, _spread(_mass(inertial), solids(links[name], mesh_box)))
            given += heavy
    return (ElementTree.tostring(robot, encoding="unicode") if given else text), given


def _give_mass(
    links: dict[str, ElementTree.Element], carrier: str, names: Sequence[str], light: float, mesh_box: MeshBox
) -> list[str]:
    shapes = {name: found for name in names for found in [solids(links[name], mesh_box)] if found}
    for name in names:
        for inertial in links[name].findall("inertial"):
            links[name].remove(inertial)
    for name, found in shapes.items():
        links[name].insert(0, _estimated(found))
    if not shapes:
        links[carrier].insert(0, _inertial(light, np.zeros(3), _spread(light, [])))
    return list(shapes) or [carrier]


def masses_and_centres(text: str) -> dict[str, tuple[float, NDArray[np.float64]]]:
    """Return mass (kg) and centre of mass `(3,)` m, in the link's frame, of every link that has an inertial."""
    found = {}
    for link in ElementTree.fromstring(text).findall("link"):
        inertial = link.find("inertial")
        if inertial is not None:
            found[link.get("name", "")] = _mass(inertial), np.array(element_pose(inertial)[1])
    return found


def _possible(mass: float, tensor: NDArray[np.float64], shapes: Collection[Solid]) -> bool:
    """Whether a body of this mass can have this inertia; `complete` handles a missing inertia."""
    if not np.isfinite(tensor).all():
        return False
    if mass == 0.0:
        return True  # a frame; if it needs a mass, `complete` gives it one
    values = np.linalg.eigvalsh(tensor)
    if values[0] < -1e-9 * max(values[-1], 1e-9):
        return False
    diagonal = _diagonal(shapes)
    return not (diagonal > 0.0 and values[-1] > mass * (MOST_GYRATION * diagonal) ** 2 and values[-1] > LEAST_INERTIA)


def _diagonal(shapes: Collection[Solid]) -> float:
    """Return an upper bound of the distance of a link's shapes from their common centre, m; 0 without shapes."""
    if not shapes:
        return 0.0
    _, centre, _ = together((part.volume, part.centre, part.inertia) for part in shapes)
    return max(
        float(np.linalg.norm(part.centre - centre)) + math.sqrt(12.0 * float(np.trace(part.inertia)) / part.volume)
        for part in shapes
    )


def _estimated(shapes: Sequence[Solid]) -> ElementTree.Element:
    mass, centre, inertia = together((DENSITY * part.volume, part.centre, DENSITY * part.inertia) for part in shapes)
    if mass < LIGHTEST_KG:
        inertia, mass = inertia * LIGHTEST_KG / mass, LIGHTEST_KG
    return _inertial(mass, centre, _at_least(inertia))


def _spread(mass: float, shapes: Sequence[Solid]) -> NDArray[np.float64]:
    """Return the inertia of a mass distributed over these shapes; without shapes, that of a ball of DENSITY."""
    if shapes:
        volume, _, inertia = together((part.volume, part.centre, part.inertia) for part in shapes)
        return _at_least(inertia * mass / volume)
    radius = (3.0 * mass / (4.0 * math.pi * DENSITY)) ** (1.0 / 3.0)
    return _at_least(0.4 * mass * radius**2 * np.eye(3))


def _at_least(inertia: NDArray[np.float64]) -> NDArray[np.float64]:
    return inertia + max(0.0, LEAST_INERTIA - float(np.linalg.eigvalsh(inertia)[0])) * np.eye(3)


def _inertial(mass: float, centre: NDArray[np.float64], tensor: NDArray[np.float64]) -> ElementTree.Element:
    inertial = ElementTree.Element("inertial")
    ElementTree.SubElement(inertial, "origin", xyz=written(centre), rpy="0 0 0")
    ElementTree.SubElement(inertial, "mass", value=f"{mass:.6g}")
    _write_tensor(inertial, tensor)
    return inertial


def _write_tensor(inertial: ElementTree.Element, tensor: NDArray[np.float64]) -> None:
    for element in inertial.findall("inertia"):
        inertial.remove(element)
    entries = {key: f"{float(tensor[place]):.6g}" for key, place in _ENTRIES.items()}
    ElementTree.SubElement(inertial, "inertia", entries)


def _repair_origin(inertial: ElementTree.Element) -> None:
    """Remove an <origin> that is invalid or far from the link."""
    origin = inertial.find("origin")
    if origin is None:
        return
    for key in ("xyz", "rpy"):
        numbers = [_number(word, math.nan) for word in origin.get(key, "0 0 0").split()]
        if len(numbers) != 3 or not all(abs(number) < 1e6 for number in numbers):
            inertial.remove(origin)
            mass = inertial.find("mass")
            if mass is not None:
                mass.set("value", "nan")  # so that mass and inertia are estimated
            return


def _box_volume(link: ElementTree.Element, mesh_box: MeshBox) -> float:
    return sum(part.box_volume for part in all_solids(link, mesh_box))


def _mass(inertial: ElementTree.Element | None, otherwise: float = 0.0) -> float:
    """Return the mass, kg; `otherwise` if it is not a finite number."""
    mass = inertial.find("mass") if inertial is not None else None
    value = _number(mass.get("value", "0"), math.nan) if mass is not None else 0.0
    return value if math.isfinite(value) else otherwise


def _tensor(inertial: ElementTree.Element | None) -> NDArray[np.float64]:
    inertia = inertial.find("inertia") if inertial is not None else None
    tensor = np.zeros((3, 3))
    if inertia is None:
        return tensor
    for key, (row, column) in _ENTRIES.items():
        tensor[row, column] = tensor[column, row] = _number(inertia.get(key, "0"), math.nan)
    return tensor


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise
