"""The world around a simulated robot: objects on a table, moving targets, contact forces and signals.

Without PyBullet: `config` reads a world's YAML file, `kinds` lists the possible objects and motions, `layout` computes
positions at the start of an episode, `motion` moves the target, `shapes` describes objects as URDF, `buttons` decides
when a button is pressed, and `touch` adds up contact points. With PyBullet: `bodies` loads the objects, and `world`
simulates them.
"""
