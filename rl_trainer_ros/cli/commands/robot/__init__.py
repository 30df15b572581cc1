"""The commands for one robot: its ports, its calibration, its motion, its contract."""
