// What a network costs, measured without limen: the yardstick of the network test.
//
//   yardstick serve ADDRESS PORT    sends back the datagrams that come in, and exchanges streams
//   yardstick trip ADDRESS PORT     prints how long a datagram takes one way, in microseconds (the
//                                   median of half the time there and back)
//   yardstick stream ADDRESS PORT   prints what a byte takes in nanoseconds while both ends send to
//                                   each other by TCP, as in an all-reduce (the median of five)
//
// Both ends spin, as MPI's ranks do.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
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
#include <string>
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

constexpr std::size_t stream_bytes = 8 << 20;

// Sends so many bytes and takes as many; the time until the last has come in, in microseconds.
double exchange(int stream) {
  fcntl(stream, F_SETFL, O_NONBLOCK);
  const int on = 1;
  setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  static std::vector<char> out(1 << 17), in(1 << 17);
  const double begin = microseconds();
  for (std::size_t sent = 0, taken = 0; sent < stream_bytes || taken < stream_bytes;) {
    const ssize_t s =
        send(stream, out.data(), std::min(out.size(), stream_bytes - sent), MSG_NOSIGNAL);
    if (s > 0) sent += static_cast<std::size_t>(s);
    const ssize_t t = recv(stream, in.data(), in.size(), 0);
    if (t > 0) taken += static_cast<std::size_t>(t);
    if (t == 0 && taken < stream_bytes) return -1;  // the other end has gone
    if (microseconds() > begin + 10e6) return -1;
  }
  return microseconds() - begin;
}

[[noreturn]] void serve(int port, int streams) {
  char message[64];
  sockaddr_in from{};
  for (;;) {
    if (const int stream = accept4(streams, nullptr, nullptr, SOCK_CLOEXEC); stream >= 0) {
      exchange(stream);
      close(stream);
    }
    socklen_t size = sizeof from;
    const auto n = recvfrom(port, message, sizeof message, MSG_DONTWAIT,
                            reinterpret_cast<sockaddr*>(&from), &size);
    if (n > 0)
      sendto(port, message, static_cast<std::size_t>(n), 0, reinterpret_cast<sockaddr*>(&from),
             size);
  }
}

// A datagram that is lost, or a server that is not there yet, costs a tenth of a second.
double trip(const sockaddr_in& to) {
  const int port = socket(AF_INET, SOCK_DGRAM, 0);
  if (port < 0) fail("yardstick: socket");
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

double stream(const sockaddr_in& to) {
  std::vector<double> times;
  const double end = microseconds() + 10e6;
  while (times.size() < 5 && microseconds() < end) {
    const int port = socket(AF_INET, SOCK_STREAM, 0);
    if (port < 0) fail("yardstick: socket");
    if (connect(port, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
      if (const double time = exchange(port); time > 0) times.push_back(time);
    }
    close(port);
  }
  if (times.size() < 5) return -1;
  std::nth_element(times.begin(), times.begin() + 2, times.end());
  return 1e3 * times[2] / static_cast<double>(stream_bytes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[3])));
  if (inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) return 2;
  const std::string what = argv[1];
  if (what == "serve") {
    const int port = socket(AF_INET, SOCK_DGRAM, 0);
    const int streams = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(streams, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    for (const int each : {port, streams})
      if (each < 0 || bind(each, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        fail("yardstick: bind");
    if (listen(streams, 8) != 0) fail("yardstick: listen");
    serve(port, streams);
  }
  const double measured = what == "stream" ? stream(address) : trip(address);
  if (measured < 0) {
    std::fprintf(stderr, "yardstick: no answer\n");
    return 1;
  }
  std::printf("%.3f\n", measured);
}
