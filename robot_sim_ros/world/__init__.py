"""What surrounds a simulated robot: objects on a table, targets that move, and what is felt and sensed of them.

`config` reads a world's YAML file and `kinds` says what may stand in it, `layout` says where things are in an episode,
`motion` how a target moves, `shapes` what objects look like, `buttons` when one is pressed, `touch` what contact points add
up to: all of it without PyBullet. `bodies` puts the objects into PyBullet, `world` makes them live.
"""
