#include "probes/mpi_job.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>

#include "model/error.hpp"
#include "probes/interrupt.hpp"

namespace limen::probes {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double grace = 3;  // seconds between asking a job to end and killing it

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// SIGINT and SIGTERM wait while this lives, but for the moments in which we wait for the child.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  const sigset_t* before() const { return &before_; }

 private:
  sigset_t before_{};
};

pid_t spawn(const std::vector<std::string>& arguments,
            const std::vector<std::string>& environment) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGINT);
  sigaddset(&usual, SIGTERM);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  pid_t child = -1;
  const int why = posix_spawnp(&child, arguments.front().c_str(), &files, &attributes,
                               pointers(arguments).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (why != 0) {
    throw Error(
        fmt::format("{}: cannot be started ({})", command_line(arguments), std::strerror(why)),
        Exit::unfit);
  }
  return child;
}

// Sleeps until the child ends, a signal comes or the time is over; without pidfd (Linux < 5.3), a
// tenth of a second.
void wait_for(int pidfd, double seconds, const sigset_t* mask) {
  if (pidfd < 0) seconds = std::min(seconds, 0.1);
  const auto whole = static_cast<time_t>(seconds);
  const timespec timeout{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
  pollfd entry{pidfd, POLLIN, 0};
  ppoll(&entry, pidfd < 0 ? 0 : 1, &timeout, mask);
}

}  // namespace

JobEnd run_job(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment, double timeout) {
  const SignalsHeld held;
  const Interrupt interrupt;
  const pid_t child = spawn(arguments, environment);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  // We sleep meanwhile: a wake-up would take a core from a rank that spins on it.
  JobEnd end;
  bool killed = false;
  auto deadline = Clock::now() + Seconds(timeout);
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const Seconds left = deadline - Clock::now();
    if (Interrupt::asked() && !end.interrupted) {
      end.interrupted = true;
      kill(-child, SIGTERM);
      deadline = std::min(deadline, Clock::now() + Seconds(2 * grace));
    } else if (left.count() <= 0 && end.timed_out) {
      kill(-child, SIGKILL);
      killed = true;
    } else if (left.count() <= 0) {
      end.timed_out = true;
      kill(-child, SIGTERM);
      deadline = Clock::now() + Seconds(grace);
    }
    const double pause = Seconds(deadline - Clock::now()).count();
    wait_for(pidfd, killed ? 0.1 : std::max(pause, 0.001), held.before());
  }
  if (pidfd >= 0) close(pidfd);
  end.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

std::string find_program(const std::vector<std::string>& names) {
  const char* path = std::getenv("PATH");
  for (const std::string& name : names) {
    std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
      const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
      if (access(candidate.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(candidate))
        return candidate;
    }
  }
  return {};
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& a : arguments) {
    const bool plain = a.find_first_of(" \t'\"$&;|<>()*?\\") == std::string::npos && !a.empty();
    line += (line.empty() ? "" : " ") + (plain ? a : "'" + a + "'");
  }
  return line;
}

}  // namespace limen::probes
