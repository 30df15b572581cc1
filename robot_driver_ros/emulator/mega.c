/*
 * An Arduino Mega without the hardware: runs a firmware file on simavr's ATmega2560 at 16 MHz in real time, puts UART 0 on
 * a pseudo-terminal and writes down every pulse on the digital pins.
 *
 *   mega FIRMWARE.hex LINK [BOOT_MS [SPEED]]
 *
 * LINK becomes a symbolic link to the pseudo-terminal. As on a real Mega, opening it resets the board, which then listens to
 * nobody for BOOT_MS (500 by default; together with the sketch's own start that is about two seconds). It runs SPEED times as
 * fast as a real board, where the machine can.
 *
 * Standard output, one line each:
 *   ready                        the link is there
 *   reset                        somebody opened the port, or the supply sagged
 *   pulse PIN WIDTH_US START_US  a pulse has ended; both times in microseconds of the board's own clock
 *   load PERCENT                 once a second of real time: the share of one CPU that this takes
 * Standard input: "adc CHANNEL MILLIVOLTS" sets an analog input; "sag" starts the board anew while its port stays open, as a
 * weak supply does. The program ends with its standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <avr_adc.h>
#include <avr_extint.h>
#include <avr_ioport.h>
#include <avr_uart.h>
#include <sim_avr.h>
#include <sim_hex.h>

enum { FREQUENCY = 16000000, CYCLES_PER_US = 16, CHUNK_US = 1000, MOST_LAG_US = 100000, BUFFER = 4096 };

/* The Mega's digital pins 0 to 69 in order, as port and bit (Arduino's variants/mega/pins_arduino.h). */
static const char PINS[] =
    "E0E1E4E5G5E3H3H4H5H6B4B5B6B7J1J0H1H0D3D2D1D0A0A1A2A3A4A5A6A7C7C6C5C4C3C2C1C0D7G2G1G0L7L6L5L4L3L2L1L0"
    "B3B2B1B0F0F1F2F3F4F5F6F7K0K1K2K3K4K5K6K7";
enum { PIN_COUNT = (sizeof PINS - 1) / 2, SERIAL_PINS = 2, EXTERNAL_INTERRUPTS = 8 };

static avr_t *avr;
static avr_irq_t *uart_in;
static uint64_t risen[PIN_COUNT];
static int uart_full;                       /* the UART asks for a pause */
static uint8_t to_avr[BUFFER], to_host[BUFFER];
static int has_sagged;
static size_t to_avr_length, to_avr_done, to_host_length;

static int64_t now_us(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void fail(const char *what)
{
    fprintf(stderr, "mega: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void on_pin(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    int pin = (int)(intptr_t)parameter;
    (void)irq;
    if (value) {
        risen[pin] = avr->cycle;
    } else if (risen[pin]) {
        printf("pulse %d %.2f %llu\n", pin, (double)(avr->cycle - risen[pin]) / CYCLES_PER_US,
               (unsigned long long)(risen[pin] / CYCLES_PER_US));
        risen[pin] = 0;
    }
}

static void on_byte(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq, (void)parameter;
    if (to_host_length < sizeof to_host)    /* nobody reads: a real board's bytes are lost then, too */
        to_host[to_host_length++] = (uint8_t)value;
}

static void on_xon(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq, (void)value, (void)parameter;
    uart_full = 0;
}

static void on_xoff(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq, (void)value, (void)parameter;
    uart_full = 1;
}

static void reset_board(void)
{
    avr_reset(avr);
    for (uint8_t line = 0; line < EXTERNAL_INTERRUPTS; line++)
        avr_extint_set_strict_lvl_trig(avr, line, 0);   /* else a line that is low is polled at every clock cycle */
    memset(risen, 0, sizeof risen);
    to_avr_length = to_avr_done = to_host_length = 0;
    uart_full = 0;
}

static void make_board(const char *firmware)
{
    uint32_t size = 0, start = 0;
    uint8_t *code = read_ihex_file(firmware, &size, &start);
    if (!code || !size)
        fail(firmware);
    avr = avr_make_mcu_by_name("atmega2560");
    if (!avr)
        fail("this simavr knows no atmega2560");
    avr_init(avr);
    avr->frequency = FREQUENCY;
    avr->vcc = avr->avcc = avr->aref = 5000;
    avr->log = LOG_NONE;
    avr_loadcode(avr, code, size, start);
    avr->codeend = avr->flashend;
    free(code);

    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    uart_in = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_byte, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), on_xon, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), on_xoff, NULL);
    for (int pin = SERIAL_PINS; pin < PIN_COUNT; pin++) {
        char port = PINS[2 * pin];
        int bit = PINS[2 * pin + 1] - '0';
        avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(port), bit), on_pin, (void *)(intptr_t)pin);
    }
    reset_board();
}

static int open_pty(const char *link)
{
    int master, slave;
    char name[256];
    struct termios raw;
    cfmakeraw(memset(&raw, 0, sizeof raw));
    if (openpty(&master, &slave, name, &raw, NULL))
        fail("openpty");
    close(slave);                           /* from now on a hang-up says that nobody has the port open */
    fcntl(master, F_SETFL, O_NONBLOCK);
    unlink(link);
    if (symlink(name, link))
        fail(link);
    return master;
}

/* Read whole lines from standard input; returns 0 at its end. */
static int obey(void)
{
    static char line[128];
    static size_t length;
    char bytes[256];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    if (count == 0 || (count < 0 && errno != EAGAIN))
        return 0;
    for (ssize_t i = 0; i < count; i++) {
        int channel, millivolts;
        if (bytes[i] != '\n') {
            if (length < sizeof line - 1)
                line[length++] = bytes[i];
            continue;
        }
        line[length] = 0;
        length = 0;
        if (!strcmp(line, "sag"))
            has_sagged = 1;
        else if (sscanf(line, "adc %d %d", &channel, &millivolts) == 2 && channel >= 0 && channel < 16)
            avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + channel), (uint32_t)millivolts);
    }
    return 1;
}

int main(int count, char **words)
{
    if (count < 3) {
        fprintf(stderr, "usage: mega FIRMWARE.hex LINK [BOOT_MS [SPEED]]\n");
        return 2;
    }
    int64_t boot_us = (count > 3 ? atoll(words[3]) : 500) * 1000;
    double speed = count > 4 ? atof(words[4]) : 1.0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);       /* no board outlives whoever plugged it in */
    signal(SIGPIPE, SIG_DFL);
    make_board(words[1]);
    int master = open_pty(words[2]);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    printf("ready\n");
    fflush(stdout);

    int is_open = 0;
    int64_t real_0 = now_us(CLOCK_MONOTONIC), board_us = 0, booted_at = 0;
    int64_t report_at = real_0 + 1000000, cpu_then = now_us(CLOCK_PROCESS_CPUTIME_ID);
    for (;;) {
        struct pollfd port = {master, POLLIN, 0};
        poll(&port, 1, 0);
        if (has_sagged || (!is_open && !(port.revents & POLLHUP))) {
            is_open = is_open || !has_sagged;
            has_sagged = 0;
            reset_board();
            booted_at = board_us + boot_us;
            printf("reset\n");
        } else if (is_open && (port.revents & POLLHUP)) {
            is_open = 0;
        }
        int booted = board_us >= booted_at;
        if ((port.revents & POLLIN) && to_avr_done == to_avr_length) { /* what was sent before a hang-up comes, too */
            ssize_t got = read(master, to_avr, sizeof to_avr);
            to_avr_done = 0;
            to_avr_length = got > 0 && booted ? (size_t)got : 0; /* the boot loader swallows what comes early */
        }
        if (booted) {
            uint64_t until = avr->cycle + (uint64_t)CHUNK_US * CYCLES_PER_US;
            while (avr->cycle < until) {
                while (!uart_full && to_avr_done < to_avr_length)
                    avr_raise_irq(uart_in, to_avr[to_avr_done++]);
                int state = avr_run(avr);
                if (state == cpu_Done || state == cpu_Crashed) {
                    fprintf(stderr, "mega: the firmware crashed\n");
                    return 1;
                }
            }
        }
        board_us += CHUNK_US;
        if (to_host_length && is_open) {
            ssize_t sent = write(master, to_host, to_host_length);
            if (sent > 0) {
                to_host_length -= (size_t)sent;
                memmove(to_host, to_host + sent, to_host_length);
            }
        } else if (!is_open) {
            to_host_length = 0;
        }
        if (!obey())
            return 0;
        int64_t real_us = now_us(CLOCK_MONOTONIC);
        if (real_us >= report_at) {
            int64_t cpu_now = now_us(CLOCK_PROCESS_CPUTIME_ID);
            printf("load %.1f\n", 100.0 * (double)(cpu_now - cpu_then) / (double)(real_us - report_at + 1000000));
            report_at = real_us + 1000000;
            cpu_then = cpu_now;
        }
        fflush(stdout);
        int64_t ahead_us = (int64_t)((double)board_us / speed) - (real_us - real_0);
        if (ahead_us > 0) {
            usleep((useconds_t)ahead_us);
        } else if (ahead_us < -MOST_LAG_US) {
            real_0 -= ahead_us;             /* the machine was busy: go on from here instead of racing to catch up */
        }
    }
}
