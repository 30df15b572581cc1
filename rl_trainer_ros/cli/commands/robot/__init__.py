"""The commands for one robot: serial ports, calibration, motion, status, contract."""
