#include "probes/mpi_watch.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/error.hpp"

namespace limen::probes {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t host_length = 64, most_addresses = 16;
constexpr auto meeting = std::chrono::milliseconds(1500);

struct Word {
  std::uint64_t token = 0, rank = 0, count = 0, asks = 0;
};

// A socket for datagrams, on any port; -1 if there is none.
int open_socket() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

// All addresses of this host, with the port of the socket.
std::vector<sockaddr_in> addresses(int socket) {
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ifaddrs* list = nullptr;
  std::vector<sockaddr_in> found;
  if (socket < 0 || ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0 ||
      ::getifaddrs(&list) != 0)
    return found;
  for (const ifaddrs* i = list; i != nullptr && found.size() < most_addresses; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP))
      continue;
    sockaddr_in address{};
    std::memcpy(&address, i->ifa_addr, sizeof address);
    address.sin_port = bound.sin_port;
    found.push_back(address);
  }
  ::freeifaddrs(list);
  return found;
}

std::optional<Word> receive(int socket, std::uint64_t token, sockaddr_in* from = nullptr) {
  for (;;) {
    Word word;
    sockaddr_in sender{};
    socklen_t size = sizeof sender;
    const ssize_t n =
        ::recvfrom(socket, &word, sizeof word, 0, reinterpret_cast<sockaddr*>(&sender), &size);
    if (n < 0) return std::nullopt;
    if (n != sizeof word || word.token != token) continue;  // of another job
    if (from != nullptr) *from = sender;
    return word;
  }
}

void wait_for_word(int socket, int milliseconds) {
  pollfd entry{socket, POLLIN, 0};
  ::poll(&entry, 1, milliseconds);
}

}  // namespace

std::string who_hangs(const std::vector<Standing>& standing) {
  std::vector<std::string> stopped, behind, unreachable;
  std::uint64_t most = 0, least = UINT64_MAX;
  for (const Standing& s : standing) {
    if (!s.heard || (s.count & sits_out) != 0) continue;
    most = std::max(most, s.count);
    least = std::min(least, s.count);
  }
  for (std::size_t r = 0; r < standing.size(); ++r) {
    const Standing& s = standing[r];
    const std::string name = fmt::format("rank {} on {}", r, s.host);
    if (!s.heard) (s.reachable ? stopped : unreachable).push_back(name);
    if (s.heard && s.count == least && least < most) behind.push_back(name);
  }
  if (!stopped.empty()) return fmt::format("{} has stopped", fmt::join(stopped, ", "));
  if (!unreachable.empty())
    return fmt::format("{} cannot be asked (no datagram came through from there)",
                       fmt::join(unreachable, ", "));
  if (!behind.empty())
    return fmt::format("{} runs, but keeps the others waiting", fmt::join(behind, ", "));
  return "all ranks run and wait for one another; the network may have lost a message";
}

Watch::Watch(const MpiWorld& world, int patience_seconds,
             std::function<void(const std::string&)> last_words)
    : rank_(world.rank()),
      patience_(std::max(2, patience_seconds)),
      last_words_(std::move(last_words)),
      socket_(open_socket()),
      over_(::eventfd(0, EFD_CLOEXEC)) {
  if (over_ < 0) throw Error(fmt::format("eventfd: {}", std::strerror(errno)), Exit::failed);
  char host[host_length] = {};
  std::strncpy(host, world.host().c_str(), host_length - 1);
  std::vector<char> hosts(rank_ == 0 ? host_length * std::size_t(world.size()) : 0);
  MPI_Gather(host, host_length, MPI_BYTE, hosts.data(), host_length, MPI_BYTE, 0, MPI_COMM_WORLD);
  for (std::size_t r = 0; r < hosts.size() / host_length; ++r)
    standing_.push_back({hosts.data() + r * host_length, r == 0, r == 0, 0});
  if (rank_ == 0) {
    root_ = addresses(socket_);
    token_ = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  }
  ranks_.resize(standing_.size());
  root_.resize(most_addresses);  // those that do not exist have no family
  MPI_Bcast(&token_, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  MPI_Bcast(root_.data(), static_cast<int>(root_.size() * sizeof root_[0]), MPI_BYTE, 0,
            MPI_COMM_WORLD);
  if (socket_ >= 0) meet();
  MPI_Barrier(MPI_COMM_WORLD);
  thread_ = std::thread([this] { look(); });
}

Watch::~Watch() {
  ::eventfd_write(over_, 1);
  thread_.join();
  ::close(over_);
  if (socket_ >= 0) ::close(socket_);
}

void Watch::send(const sockaddr_in& to, bool asks) const {
  const Word word{token_, static_cast<std::uint64_t>(rank_), progress_of_rank.load(), asks};
  (void)!::sendto(socket_, &word, sizeof word, 0, reinterpret_cast<const sockaddr*>(&to),
                  sizeof to);
}

// Rank 0 learns whom it can hear, the others where it answers.
void Watch::meet() {
  const auto until = Clock::now() + meeting;
  if (rank_ == 0) {
    for (std::size_t met = 1; met < standing_.size() && Clock::now() < until;) {
      wait_for_word(socket_, 20);
      sockaddr_in from{};
      while (const auto word = receive(socket_, token_, &from)) {
        send(from, false);
        if (word->rank >= standing_.size() || standing_[word->rank].reachable) continue;
        standing_[word->rank].reachable = true;
        ranks_[word->rank] = from;
        ++met;
      }
    }
    return;
  }
  while (Clock::now() < until) {
    for (const sockaddr_in& address : root_)
      if (address.sin_family == AF_INET) send(address, true);
    wait_for_word(socket_, 50);
    sockaddr_in from{};
    if (receive(socket_, token_, &from)) {
      root_ = {from};
      return;
    }
  }
  root_.clear();
}

// Takes down who says how far it is, and answers those that ask.
void Watch::listen() {
  sockaddr_in from{};
  while (const auto word = receive(socket_, token_, &from)) {
    unanswered_ = 0;
    if (rank_ == 0 && word->rank < standing_.size()) {
      standing_[word->rank].heard = true;
      standing_[word->rank].count = word->count;
    }
    if (word->asks != 0) send(from, false);
  }
}

// What ranks said earlier no longer holds: one may have stopped since.
void Watch::ask_all() {
  for (std::size_t r = 1; r < standing_.size(); ++r) {
    standing_[r].heard = false;
    if (standing_[r].reachable) send(ranks_[r], true);
  }
}

void Watch::end(const std::string& why) {
  if (last_words_) last_words_(why);
  std::fprintf(stderr, "limen: %s\n", why.c_str());
  std::fflush(stderr);
  std::_Exit(static_cast<int>(Exit::failed));  // no destructor would come to an end
}

// Answers for a second; false if the watch is over.
bool Watch::next_second() {
  const auto until = Clock::now() + std::chrono::seconds(1);
  for (auto now = Clock::now(); now < until; now = Clock::now()) {
    pollfd entries[] = {{over_, POLLIN, 0}, {socket_, POLLIN, 0}};  // without a socket: -1, ignored
    ::poll(entries, 2,
           static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until - now).count()));
    if (entries[0].revents != 0) return false;
    listen();
  }
  return true;
}

void Watch::look() {
  std::uint64_t last = progress_of_rank.load();
  int still = 0;
  while (next_second()) {
    const std::uint64_t now = progress_of_rank.load();
    still = now == last ? still + 1 : 0;
    last = now;
    ++unanswered_;
    if (rank_ == 0) {
      standing_[0].count = now;
      if (still == patience_ - 1) ask_all();
      if (still >= patience_)
        end(fmt::format("nothing got on for {} s: {}", still, who_hangs(standing_)));
    } else if (!root_.empty() && 2 * still >= patience_) {
      send(root_[0], true);
      // Rank 0 gives up first, if it can.
      if (still >= 2 * patience_ && unanswered_ >= patience_)
        end(fmt::format("rank {}: nothing got on for {} s, and rank 0 does not answer", rank_,
                        still));
    }
  }
}

}  // namespace limen::probes
