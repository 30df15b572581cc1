#include "servos.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#include "pins.h"

static const uint8_t WINDOWS = 8, PER_WINDOW = 6, SERVOS = WINDOWS * PER_WINDOW;
static const uint8_t TICKS_PER_US = 2;
static const uint16_t WINDOW = 2500 * TICKS_PER_US;
static const uint16_t LEAD = 150 * TICKS_PER_US;  // more than it takes to lay out a window
static const uint8_t STAGGER = 8 * TICKS_PER_US;  // more than it takes to make an edge
static const uint8_t EARLY = 10 * TICKS_PER_US;   // more than the longest time without interrupts
static const uint8_t GENTLE_US = 10;              // a round: 500 us, or about 48 degrees, a second

// Servo i pulses in window i % WINDOWS. `us` is what the pin does, `goal` what it was told; both 0 before the first value.
struct Servo {
  Output output;
  uint8_t pin;  // 0: free
  bool powered, gentle;
  uint16_t us, goal, min_us, max_us;
};
static Servo servos[SERVOS];

// Pulses of the window that comes or runs, the shortest first. They begin in this order, STAGGER apart, and so they end in
// this order, at least as far apart: no edge has to wait for another.
struct Pulse {
  Output output;
  uint16_t ticks;
};
static Pulse pulses[PER_WINDOW];
static uint8_t count, ended, window;
static bool begun;
static uint16_t window_begin;

static bool before(uint16_t a, uint16_t b) {
  return (int16_t)(a - b) < 0;
}

static void wait_for(uint16_t moment) {
  while (before(TCNT1, moment)) {
  }
}

static void step(Servo &servo) {
  if (servo.us == servo.goal) return;  // gentle until it has gone somewhere
  if (servo.gentle && servo.us && servo.goal > servo.us + GENTLE_US) {
    servo.us += GENTLE_US;
  } else if (servo.gentle && servo.us && servo.goal + GENTLE_US < servo.us) {
    servo.us -= GENTLE_US;
  } else {
    servo.us = servo.goal;
    servo.gentle = false;
  }
}

static void insert(const Pulse &pulse) {
  uint8_t i = count++;
  for (; i && pulse.ticks < pulses[i - 1].ticks; i--) pulses[i] = pulses[i - 1];
  pulses[i] = pulse;
}

static uint16_t begin_of(uint8_t i) {
  return window_begin + i * STAGGER;
}

static uint16_t end_of(uint8_t i) {
  return begin_of(i) + pulses[i].ticks;
}

// Lay out the next window's pulses and have the interrupt come for the first edge. Called without interrupts.
static void prepare() {
  window_begin += WINDOW;
  uint16_t soonest = TCNT1 + LEAD;  // a pulse of almost 2.5 ms has ended just now: the next window is a little later
  if (before(window_begin, soonest)) window_begin = soonest;
  window = (window + 1) % WINDOWS;
  begun = false;
  count = ended = 0;
  for (uint8_t i = window; i < SERVOS; i += WINDOWS) {
    Servo &servo = servos[i];
    if (!servo.pin || !servo.powered) continue;
    step(servo);
    insert({servo.output, (uint16_t)(servo.us * TICKS_PER_US)});
  }
  OCR1A = window_begin - EARLY;
}

ISR(TIMER1_COMPA_vect) {
  if (!begun) {
    begun = true;
    for (uint8_t i = 0; i < count; i++) {
      wait_for(begin_of(i));
      *pulses[i].output.port |= pulses[i].output.mask;
    }
  } else {
    do {
      wait_for(end_of(ended));
      *pulses[ended].output.port &= ~pulses[ended].output.mask;
      ended++;
    } while (ended < count && before(end_of(ended), TCNT1 + 2 * EARLY));
  }
  if (ended < count)
    OCR1A = end_of(ended) - EARLY;
  else
    prepare();
}

static Servo *find(uint8_t pin) {
  for (uint8_t i = 0; i < SERVOS; i++)
    if (servos[i].pin == pin) return &servos[i];
  return nullptr;
}

void servos_begin() {
  TIMSK1 = 0;
  TCCR1B = 0;  // Arduino's core has it running
  TCCR1A = 0;
  TCNT1 = 0;
  TCCR1B = _BV(CS11);  // 16 MHz / 8
  window_begin = TCNT1;
  prepare();
  TIFR1 = _BV(OCF1A);
  TIMSK1 = _BV(OCIE1A);
  sei();
}

bool servo_attach(uint8_t pin, uint16_t min_us, uint16_t max_us) {
  if (pin < FIRST_PIN || pin > LAST_PIN) return false;
  servo_detach(pin);
  if (min_us < LEAST_US || max_us > MOST_US || min_us > max_us) return false;
  Servo *servo = find(0);
  if (!servo) return false;
  Output output = make_output(pin);
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    *servo = {output, pin, false, false, 0, 0, min_us, max_us};
  }
  return true;
}

bool servo_write(uint8_t pin, uint16_t us) {
  Servo *servo = pin ? find(pin) : nullptr;
  if (!servo || us < LEAST_US) return false;  // StandardFirmata takes small numbers for degrees
  if (us < servo->min_us) us = servo->min_us;
  if (us > servo->max_us) us = servo->max_us;
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    servo->goal = us;
    servo->powered = true;
  }
  return true;
}

void servo_detach(uint8_t pin) {
  Servo *servo = pin ? find(pin) : nullptr;
  if (!servo) return;
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    servo->pin = 0;
  }
}

// One at a time, for an edge may be due.
static void for_each(void (*change)(Servo &)) {
  for (uint8_t i = 0; i < SERVOS; i++)
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
      change(servos[i]);
    }
}

void servos_detach_all() {
  for_each([](Servo &servo) { servo.pin = 0; });
}

void servos_go_gently() {
  for_each([](Servo &servo) { servo.gentle = true; });
}

void servos_relax() {
  for_each([](Servo &servo) { servo.powered = false; });
}
