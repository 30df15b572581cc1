"""Clears PyBullet's memory of bodies that touch or are near each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_LINKS, _FIXED = 1, 2  # Bullet's groups for what moves and for what does not
_ALL = -1
_FAR_M, _HALF_M = -100.0, 0.001


class ContactMemory:
    """All contact pairs of a simulation, with their contact points, and the place at which Bullet looks for old pairs.

    PyBullet keeps a pair, its contact points and their last forces while the two bounding boxes overlap, even if bodies
    and joints are moved in between. The next step would start from them, and an episode would depend on the previous
    one, by 1e-7. A change of a link's collision filter makes PyBullet enter the link into its broadphase anew: with an
    exact box, without pairs, in the order of these calls.

    Pairs whose boxes no longer overlap do not end at once: each step looks at a tenth of the list, from where the step before
    ended (`btDbvtBroadphase::collide`, m_cid). That place belongs to the last episode, too: of 500 episodes among loose
    objects it changed one. It is a remainder of the number of pairs, so it is 0 after a step with a single pair. Two
    bodies far away, which otherwise touch nothing, are this pair. `forget` takes about 0.1 ms.
    """

    def __init__(self, client: Any, fixed: Iterable[int], loose: Iterable[int]):
        """`fixed`, `loose`: all bodies whose base is fixed, and all that can be pushed away; PyBullet's defaults for groups."""
        self._filter = client.setCollisionFilterGroupMask  # BulletClient looks functions up by reflection: do it once
        self._detect = client.performCollisionDetection
        self._links: list[tuple[int, int, int, int]] = []
        for bodies, base in ((fixed, (_FIXED, _ALL ^ _FIXED)), (loose, (_LINKS, _ALL))):
            for body in bodies:
                self._links.append((body, -1, *base))
                self._links += [(body, link, _LINKS, _ALL) for link in range(client.getNumJoints(body))]
        box = client.createCollisionShape(client.GEOM_BOX, halfExtents=[_HALF_M] * 3)
        self._pair = [client.createMultiBody(0.0, box, basePosition=(0.0, 0.0, _FAR_M)) for _ in range(2)]
        self._of_pair(0)

    def forget(self) -> None:
        """Forget the pairs; the next step depends on the present places and velocities only."""
        for body, link, _, _ in self._links:
            self._filter(body, link, 0, 0)
        self._of_pair(_ALL)
        self._detect()
        self._of_pair(0)
        for entry in self._links:
            self._filter(*entry)

    def _of_pair(self, groups: int) -> None:
        for body in self._pair:
            self._filter(body, -1, groups, groups)
