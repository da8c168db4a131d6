// A network switch in user space, for kernels without netem: joins network namespaces by a TAP
// device in each (eth0) and forwards every frame a fixed time after it came in.
//
//   delay_switch MICROSECONDS NAMESPACE=CPU...     prints "ready" once the devices are there
//
// What a host sends is forwarded by a thread on that host's CPU, so that all hosts fare alike: one
// thread for all of them took the CPU of one host only, and made messages to it 20 us slower than
// those from it. The threads run in real time: a program that waits for a message spins, and so
// keeps its CPU from sleeping; the switch then takes it away within microseconds, both when a frame
// comes in and when one is due.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t largest_frame = 65536;
constexpr std::int64_t spun =
    20'000;  // ns before a frame is due in which sleeping would be too late

using Address = std::array<unsigned char, 6>;

struct Port {
  int tap;
  int cpu;
  Address address;
};

[[noreturn]] void fail(const std::string& what) {
  std::perror(("delay_switch: " + what).c_str());
  std::exit(1);
}

std::int64_t now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// NAMESPACE=CPU. The device stays in the namespace in which it was made; its descriptor works from
// anywhere.
Port open_port(const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  const int space = open(("/var/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) fail("namespace " + name);
  close(space);
  Port port{open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
            std::atoi(argument.substr(argument.find('=') + 1).c_str()),
            {}};
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strcpy(request.ifr_name, "eth0");
  if (port.tap < 0 || ioctl(port.tap, TUNSETIFF, &request) != 0 ||
      ioctl(port.tap, SIOCGIFHWADDR, &request) != 0)
    fail("/dev/net/tun in " + name);
  std::memcpy(port.address.data(), request.ifr_hwaddr.sa_data, port.address.size());
  return port;
}

struct Frame {
  std::int64_t due;
  std::vector<unsigned char> bytes;
};

// To the host that it is addressed to; to all others if that is none of them.
void deliver(const Frame& frame, const std::vector<Port>& ports, const Port& from) {
  const auto is_addressed = [&frame](const Port& port) {
    return std::memcmp(frame.bytes.data(), port.address.data(), port.address.size()) == 0;
  };
  const bool known = std::any_of(ports.begin(), ports.end(), is_addressed);
  for (const Port& port : ports) {
    if (&port == &from || (known && !is_addressed(port))) continue;
    if (write(port.tap, frame.bytes.data(), frame.bytes.size()) < 0)
      continue;  // lost, as on a wire
  }
}

[[noreturn]] void forward(const std::vector<Port>& ports, const Port& from, std::int64_t delay) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(from.cpu, &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) fail("CPU " + std::to_string(from.cpu));
  const sched_param priority{10};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) fail("real time");
  std::deque<Frame> waiting;  // one delay for all: in the order of arrival
  std::vector<unsigned char> buffer(largest_frame);
  pollfd arrival{from.tap, POLLIN, 0};
  for (;;) {
    while (!waiting.empty() && waiting.front().due <= now()) {
      deliver(waiting.front(), ports, from);
      waiting.pop_front();
    }
    ssize_t n = 0;
    while ((n = read(from.tap, buffer.data(), buffer.size())) >= 14) {
      waiting.push_back({now() + delay, {buffer.begin(), buffer.begin() + n}});
      if (waiting.front().due <= now()) break;
    }
    if (waiting.empty()) {
      poll(&arrival, 1, -1);
      continue;
    }
    const std::int64_t left = waiting.front().due - now() - spun;
    if (left <= 0) continue;
    const timespec pause{0, static_cast<long>(left)};
    ppoll(&arrival, 1, &pause, nullptr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: delay_switch MICROSECONDS NAMESPACE=CPU NAMESPACE=CPU...\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
  const std::int64_t delay = std::atoll(argv[1]) * 1000;
  std::vector<Port> ports;
  for (int i = 2; i < argc; ++i) ports.push_back(open_port(argv[i]));
  mlockall(MCL_CURRENT | MCL_FUTURE);
  std::vector<std::thread> threads;
  for (const Port& port : ports) threads.emplace_back([&] { forward(ports, port, delay); });
  std::puts("ready");
  std::fflush(stdout);
  for (std::thread& thread : threads) thread.join();
}
