// A network switch in user space, for kernels without netem: joins network namespaces by a TAP
// device in each (eth0) and forwards every frame a fixed time after it came in.
//
//   delay_switch MICROSECONDS NAMESPACE...     prints "ready" once the devices are there
//
// It runs in real time: a program that waits for a message spins, and so keeps its CPU from
// sleeping; the switch then takes it away within microseconds, both when a frame comes in and when
// one is due.
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
#include <map>
#include <string>
#include <vector>

namespace {

constexpr std::size_t largest_frame = 65536;
constexpr std::int64_t spun =
    20'000;  // ns before a frame is due in which sleeping would be too late

using Address = std::array<unsigned char, 6>;

[[noreturn]] void fail(const std::string& what) {
  std::perror(("delay_switch: " + what).c_str());
  std::exit(1);
}

std::int64_t now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// The device stays in the namespace in which it was made; its descriptor works from anywhere.
int open_tap(const std::string& name) {
  const int space = open(("/var/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) fail("namespace " + name);
  close(space);
  const int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strcpy(request.ifr_name, "eth0");
  if (tap < 0 || ioctl(tap, TUNSETIFF, &request) != 0) fail("/dev/net/tun in " + name);
  return tap;
}

struct Frame {
  std::int64_t due;
  std::size_t from;
  std::vector<unsigned char> bytes;
};

Address address_at(const std::vector<unsigned char>& bytes, std::size_t at) {
  Address a{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), a.size(), a.begin());
  return a;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: delay_switch MICROSECONDS NAMESPACE NAMESPACE...\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
  const std::int64_t delay = std::atoll(argv[1]) * 1000;
  std::vector<pollfd> ports;
  for (int i = 2; i < argc; ++i) ports.push_back({open_tap(argv[i]), POLLIN, 0});
  mlockall(MCL_CURRENT | MCL_FUTURE);
  const sched_param priority{10};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) fail("real time");
  std::puts("ready");
  std::fflush(stdout);

  std::map<Address, std::size_t> port_of;
  std::deque<Frame> waiting;  // one delay for all: in the order of arrival
  std::vector<unsigned char> buffer(largest_frame);
  for (;;) {
    while (!waiting.empty() && waiting.front().due <= now()) {
      const Frame& f = waiting.front();
      const auto to = port_of.find(address_at(f.bytes, 0));
      for (std::size_t p = 0; p < ports.size(); ++p) {
        if (p == f.from || (to != port_of.end() && to->second != p)) continue;
        if (write(ports[p].fd, f.bytes.data(), f.bytes.size()) < 0) continue;  // lost, as on a wire
      }
      waiting.pop_front();
    }
    for (std::size_t p = 0; p < ports.size(); ++p) {
      ssize_t n = 0;
      while ((n = read(ports[p].fd, buffer.data(), buffer.size())) >= 14) {
        waiting.push_back({now() + delay, p, {buffer.begin(), buffer.begin() + n}});
        port_of[address_at(waiting.back().bytes, 6)] = p;
        if (waiting.front().due <= now()) break;
      }
    }
    if (waiting.empty()) {
      poll(ports.data(), ports.size(), -1);
      continue;
    }
    const std::int64_t left = waiting.front().due - now() - spun;
    if (left <= 0) continue;
    const timespec pause{0, static_cast<long>(left)};
    ppoll(ports.data(), ports.size(), &pause, nullptr);
  }
}
