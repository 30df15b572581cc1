#include "host_watchdog.h"

#include "firmata.h"
#include "servos.h"

static uint16_t hold_ms = 500, relax_ms = 3000;
static uint16_t silent_ms;

void watchdog_set(uint16_t hold, uint16_t relax) {
  hold_ms = hold;
  relax_ms = relax;
}

void watchdog_heard() {
  silent_ms = 0;
}

void watchdog_tick() {
  if (silent_ms == UINT16_MAX) return;
  silent_ms++;
  if (silent_ms == hold_ms) {
    firmata_forget();  // half a message, then silence: its end is not to come from whoever speaks next
    servos_go_gently();
    firmata_say("host silent: holding");
  }
  if (silent_ms == relax_ms) {
    servos_go_gently();
    servos_relax();
    firmata_say("host silent: limp");
  }
}
