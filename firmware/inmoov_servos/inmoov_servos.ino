/*
 * Servos of an Arduino Mega 2560 for rl_trainer_ros, with a watchdog for the host: what robot_driver_ros says to
 * StandardFirmata, this sketch understands too (robot_driver_ros/boards/firmata.py lists the messages). It adds:
 *
 *  - silence of the host (0.5 s): pulses stay as they are, and whoever comes back moves servos slowly at first;
 *  - longer silence (3 s): no pulses, servos go limp; a message to a servo brings it back, from its last pulse;
 *  - no pulse before a servo's first value, none outside the limits of its SERVO_CONFIG, and none that is cut short.
 *
 * It uses timers 0 and 1 and the serial port itself and nothing of Arduino's library but setup() and loop(), so that
 * plain avr-gcc compiles it as well.
 */
#include "analog.h"
#include "clock.h"
#include "firmata.h"
#include "host_watchdog.h"
#include "serial_port.h"
#include "servos.h"

void setup() {
  clock_begin();
  serial_begin();
  servos_begin();
  analog_begin();
  firmata_greet();
}

void loop() {
  int byte = serial_read();
  if (byte >= 0 && firmata_take((uint8_t)byte)) watchdog_heard();
  serial_send_waiting();
  analog_turn();
  if (clock_ticked()) {
    watchdog_tick();
    analog_tick();
  }
}
