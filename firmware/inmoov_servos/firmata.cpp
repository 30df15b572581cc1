#include "firmata.h"

#include "analog.h"
#include "host_watchdog.h"
#include "pins.h"
#include "serial_port.h"
#include "servos.h"

enum : uint8_t {
  WATCHDOG = 0x01,  // ours: hold_ms, relax_ms; 0x01 to 0x0F are free for such things
  CAPABILITY_QUERY = 0x6B,
  CAPABILITY_RESPONSE = 0x6C,
  EXTENDED_ANALOG = 0x6F,
  SERVO_CONFIG = 0x70,
  STRING_DATA = 0x71,
  REPORT_FIRMWARE = 0x79,
  SAMPLING_INTERVAL = 0x7A,
  REPORT_ANALOG = 0xC0,
  ANALOG_MESSAGE = 0xE0,
  START_SYSEX = 0xF0,
  SET_PIN_MODE = 0xF4,
  END_SYSEX = 0xF7,
  REPORT_VERSION = 0xF9,
  SYSTEM_RESET = 0xFF,
};
static const uint8_t MODE_SERVO = 4, SERVO_BITS = 14, NO_MORE_MODES = 0x7F;
static const uint8_t PROTOCOL[] = {2, 3}, OWN_VERSION[] = {1, 1};
static const char NAME[] = "inmoov_servos";

static uint8_t command;  // 0: between messages
static uint8_t data[16], length;

static uint16_t two(const uint8_t *bytes) {
  return bytes[0] | (uint16_t)bytes[1] << 7;
}

static void write_two(uint16_t value) {
  serial_write(value & 0x7F);
  serial_write(value >> 7 & 0x7F);
}

static void write_text(const char *text) {
  for (; *text; text++) write_two((uint8_t)*text);
}

static void report_version() {
  serial_write(REPORT_VERSION);
  serial_write(PROTOCOL[0]);
  serial_write(PROTOCOL[1]);
}

static void report_firmware() {
  serial_write(START_SYSEX);
  serial_write(REPORT_FIRMWARE);
  serial_write(OWN_VERSION[0]);
  serial_write(OWN_VERSION[1]);
  write_text(NAME);
  serial_write(END_SYSEX);
}

// The answer is longer than the queue of bytes to send, so it waits for the line: 40 ms in which no message is read.
static void report_capabilities() {
  serial_write_waiting(START_SYSEX);
  serial_write_waiting(CAPABILITY_RESPONSE);
  for (uint8_t pin = 0; pin <= LAST_PIN; pin++) {
    if (pin >= FIRST_PIN) {
      serial_write_waiting(MODE_SERVO);
      serial_write_waiting(SERVO_BITS);
    }
    serial_write_waiting(NO_MORE_MODES);
  }
  serial_write_waiting(END_SYSEX);
}

static bool obey_sysex() {
  if (length == 6 && data[0] == SERVO_CONFIG) return servo_attach(data[1], two(data + 2), two(data + 4));
  if (length == 4 && data[0] == EXTENDED_ANALOG) return servo_write(data[1], two(data + 2));
  if (length == 3 && data[0] == SAMPLING_INTERVAL) {
    analog_every(two(data + 1));
  } else if (length == 5 && data[0] == WATCHDOG) {
    watchdog_set(two(data + 1), two(data + 3));
  } else if (length == 1 && data[0] == REPORT_FIRMWARE) {
    report_firmware();
  } else if (length == 1 && data[0] == CAPABILITY_QUERY) {
    report_capabilities();
  } else {
    return false;
  }
  return true;
}

static bool obey() {
  if ((command & 0xF0) == ANALOG_MESSAGE) return servo_write(command & 0x0F, two(data));
  if ((command & 0xF0) == REPORT_ANALOG) {
    analog_watch(command & 0x0F, data[0]);
  } else if (command == SET_PIN_MODE) {
    if (data[1] != MODE_SERVO) servo_detach(data[0]);  // a servo without limits is none: SERVO_CONFIG attaches
  } else if (command == REPORT_VERSION) {
    report_version();
  } else if (command == SYSTEM_RESET) {
    servos_detach_all();
    analog_begin();
  } else {
    return false;
  }
  return true;
}

static uint8_t data_bytes() {
  if (command == REPORT_VERSION || command == SYSTEM_RESET) return 0;
  return (command & 0xF0) == REPORT_ANALOG ? 1 : 2;
}

static bool end_message(bool understood) {
  firmata_forget();
  return understood;
}

void firmata_greet() {
  report_version();
  report_firmware();
}

bool firmata_take(uint8_t byte) {
  if (byte == END_SYSEX) return end_message(command == START_SYSEX && obey_sysex());
  if (byte & 0x80) {  // whatever was not complete is dropped
    command = byte;
    length = 0;
  } else if (command && length < sizeof data) {
    data[length++] = byte;
  } else {
    firmata_forget();
  }
  bool complete = command && command != START_SYSEX && length == data_bytes();
  return complete && end_message(obey());
}

void firmata_forget() {
  command = 0;
  length = 0;
}

void firmata_say(const char *text) {
  serial_write(START_SYSEX);
  serial_write(STRING_DATA);
  write_text(text);
  serial_write(END_SYSEX);
}

void firmata_report_analog(uint8_t channel, uint16_t value) {
  serial_write(ANALOG_MESSAGE | channel);
  write_two(value);
}
