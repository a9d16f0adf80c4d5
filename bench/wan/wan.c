// wan: a slow, far, lossy link between two network namespaces, for kernels without netem. It reads IP packets from a TUN
// device in each namespace and writes them to the other one when their time has come.
//
//   gcc -O2 -o wan wan.c          (the benchmark does it)
//   wan NAMESPACE_A NAMESPACE_B ONE_WAY_MS LOSS_PERCENT RATE_MBIT QUEUE_MS
//
// NAMESPACE_A gets 198.18.0.1/30 and NAMESPACE_B 198.18.0.2/30 on a device lk0 with an MTU of 1500. Loss is random and
// independent in each direction. The rate is for each direction; what would wait longer than QUEUE_MS for its turn is
// dropped, as a router with a tail-drop queue does. Prints "link up" once packets pass. SIGSTOP makes it a black hole,
// SIGCONT heals it; the devices go when it ends. What it is not: jitter, reordering, or a line faster than one core
// copies packets (some 100 000 a second).

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <net/if.h>

#define QUEUE_SLOTS (1 << 16)
#define PACKET_BYTES 2048
#define READS_PER_TURN 256

struct packet {
  double due;
  int length;
  unsigned char *bytes;
};

struct direction {
  struct packet *queue;
  unsigned head, tail;
  double busy_until; // when the last byte that was accepted will have left
};

struct link {
  double delay, loss, bytes_per_second, queue;
  uint64_t random;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/** Enters the namespace and makes its end of the link. The device stays there when we go on to the next one. */
static int open_end(const char *namespace, const char *address) {
  char path[128];
  snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
  int netns = open(path, O_RDONLY);
  if (netns < 0 || setns(netns, CLONE_NEWNET) < 0) fail(namespace);
  close(netns);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strcpy(request.ifr_name, "lk0");
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0) fail("/dev/net/tun");
  char command[256];
  const char *up = "ip addr add %s/30 dev lk0 && ip link set lk0 mtu 1500 txqueuelen 10000 up";
  snprintf(command, sizeof command, up, address);
  if (system(command) != 0) exit(1);
  return tun;
}

/** Between 0 and 1 (xorshift). */
static double draw(struct link *link) {
  link->random ^= link->random << 13;
  link->random ^= link->random >> 7;
  link->random ^= link->random << 17;
  return (link->random >> 11) * (1.0 / 9007199254740992.0);
}

/** One packet comes to the link: queued, lost on the way, or dropped because the queue is full. */
static void accept_packet(struct link *link, struct direction *direction, const unsigned char *bytes, int length) {
  double t = now();
  if (direction->busy_until < t) direction->busy_until = t;
  unsigned next = (direction->tail + 1) % QUEUE_SLOTS;
  if (direction->busy_until - t > link->queue || next == direction->head) return;
  direction->busy_until += length / link->bytes_per_second;
  if (draw(link) < link->loss) return;
  struct packet *packet = &direction->queue[direction->tail];
  packet->bytes = malloc(length);
  if (packet->bytes == NULL) fail("malloc");
  memcpy(packet->bytes, bytes, length);
  packet->length = length;
  packet->due = direction->busy_until + link->delay;
  direction->tail = next;
}

/** Hands over what is due, and says when the next one will be. A device that takes no more loses the packet. */
static double deliver(struct direction *direction, int to, double wake) {
  double t = now();
  while (direction->head != direction->tail) {
    struct packet *packet = &direction->queue[direction->head];
    if (packet->due > t) return packet->due < wake ? packet->due : wake;
    if (write(to, packet->bytes, packet->length) < 0) fprintf(stderr, "a packet was refused\n");
    free(packet->bytes);
    direction->head = (direction->head + 1) % QUEUE_SLOTS;
  }
  return wake;
}

static void set_timer(int timer, double seconds) {
  if (seconds < 1e-6) seconds = 1e-6;
  struct itimerspec when = {.it_value = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)}};
  timerfd_settime(timer, 0, &when, NULL);
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "usage: wan NAMESPACE_A NAMESPACE_B ONE_WAY_MS LOSS_PERCENT RATE_MBIT QUEUE_MS\n");
    return 2;
  }
  struct link link = {
      .delay = atof(argv[3]) / 1e3,
      .loss = atof(argv[4]) / 100,
      .bytes_per_second = atof(argv[5]) * 1e6 / 8,
      .queue = atof(argv[6]) / 1e3,
      .random = 88172645463325252ull ^ (uint64_t)getpid(),
  };
  int ends[2] = {open_end(argv[1], "198.18.0.1"), open_end(argv[2], "198.18.0.2")};
  struct direction directions[2] = {0};
  for (int i = 0; i < 2; i++) {
    directions[i].queue = calloc(QUEUE_SLOTS, sizeof(struct packet));
    if (directions[i].queue == NULL) fail("calloc");
  }
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct pollfd polled[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}, {timer, POLLIN, 0}};
  fprintf(stderr, "link up\n");
  for (;;) {
    double wake = now() + 1;
    for (int i = 0; i < 2; i++) wake = deliver(&directions[i], ends[!i], wake);
    set_timer(timer, wake - now());
    poll(polled, 3, -1);
    uint64_t expirations;
    if (polled[2].revents && read(timer, &expirations, sizeof expirations) < 0) continue;
    for (int i = 0; i < 2; i++) {
      if (!polled[i].revents) continue;
      for (int reads = 0; reads < READS_PER_TURN; reads++) {
        unsigned char bytes[PACKET_BYTES];
        int length = read(ends[i], bytes, sizeof bytes);
        if (length <= 0) break;
        accept_packet(&link, &directions[i], bytes, length);
      }
    }
  }
}
