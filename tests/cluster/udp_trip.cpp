// How long a datagram takes one way, measured without limen: the yardstick of the network test.
//
//   udp_trip serve ADDRESS PORT      sends back what comes in
//   udp_trip ask ADDRESS PORT        prints the median of half the time there and back, in
//   microseconds
//
// Both ends spin, as MPI's ranks do.
#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

double microseconds() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

[[noreturn]] void serve(int port) {
  char message[64];
  sockaddr_in from{};
  for (;;) {
    socklen_t size = sizeof from;
    const auto n = recvfrom(port, message, sizeof message, MSG_DONTWAIT,
                            reinterpret_cast<sockaddr*>(&from), &size);
    if (n > 0)
      sendto(port, message, static_cast<std::size_t>(n), 0, reinterpret_cast<sockaddr*>(&from),
             size);
  }
}

// A datagram that is lost, or a server that is not there yet, costs a tenth of a second.
double ask(int port, const sockaddr_in& to) {
  constexpr int wanted = 401, warm = 20;
  std::vector<double> trips;
  const double end = microseconds() + 10e6;
  for (std::int64_t number = 0; trips.size() < wanted + warm && microseconds() < end; ++number) {
    const double sent = microseconds();
    sendto(port, &number, sizeof number, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    for (std::int64_t back = -1; microseconds() < sent + 1e5;) {
      if (recv(port, &back, sizeof back, MSG_DONTWAIT) != sizeof back || back != number) continue;
      trips.push_back((microseconds() - sent) / 2);
      break;
    }
  }
  if (trips.size() < wanted + warm) return -1;
  const auto middle = trips.begin() + warm + wanted / 2;
  std::nth_element(trips.begin() + warm, middle, trips.end());
  return *middle;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[3])));
  if (inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) return 2;
  const int port = socket(AF_INET, SOCK_DGRAM, 0);
  if (port < 0) fail("udp_trip: socket");
  if (std::strcmp(argv[1], "serve") == 0) {
    if (bind(port, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fail("udp_trip: bind");
    serve(port);
  }
  const double trip = ask(port, address);
  if (trip < 0) {
    std::fprintf(stderr, "udp_trip: no answer\n");
    return 1;
  }
  std::printf("%.3f\n", trip);
}
