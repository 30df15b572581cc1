"""A web page that shows a robot, and moves it in real time. It knows the robot contract only."""
