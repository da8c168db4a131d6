#include "results/run_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "model/error.hpp"
#include "results/here.hpp"

namespace limen::results {

namespace fs = std::filesystem;

namespace {

// Field 22 of /proc/PID/stat; 0 if there is no such process, or it is a zombie. The name of the
// program, in brackets, may hold anything.
std::int64_t begun_at(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(in, text);
  const auto end = text.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream rest(text.substr(end + 1));
  std::string state, skipped;
  rest >> state;
  for (int field = 4; field < 22; ++field) rest >> skipped;
  std::int64_t ticks = 0;
  rest >> ticks;
  return state == "Z" ? 0 : ticks;
}

enum class Answer { ours, taken, no_locks };

Answer lock(int fd) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  // Of the open file, not of the process: those that inherit it keep it, and closing another
  // descriptor of the file does not drop it.
  if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) return Answer::ours;
  return errno == EAGAIN || errno == EACCES ? Answer::taken : Answer::no_locks;
}

std::string content(int fd) {
  char text[512];
  const ssize_t n = ::pread(fd, text, sizeof text, 0);
  return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string();
}

// False if another process has removed the file since it was opened: its lock excludes nobody.
bool is_at(const fs::path& file, int fd) {
  struct stat of_name {
  }, of_fd{};
  return ::stat(file.c_str(), &of_name) == 0 && ::fstat(fd, &of_fd) == 0 &&
         of_name.st_ino == of_fd.st_ino && of_name.st_dev == of_fd.st_dev;
}

[[noreturn]] void refuse(const fs::path& directory, const LockHolder& holder, bool certain) {
  const std::string who = holder.host.empty()
                              ? "another process"
                              : fmt::format("process {} on {}, since {},", holder.pid, holder.host,
                                            holder.since.empty() ? "unknown" : holder.since);
  throw Error(fmt::format("{}: {} measures into it; {}", directory.string(), who,
                          certain ? "wait for it, or end it"
                                  : fmt::format("wait for it, or remove {} if it is no more",
                                                (directory / "lock").string())));
}

}  // namespace

std::string lock_line(const LockHolder& h) {
  return fmt::format("{} {} {} {}\n", h.host, h.pid, h.begun, h.since);
}

LockHolder read_lock_line(const std::string& text) {
  std::istringstream in(text);
  LockHolder holder;
  std::int64_t pid = 0;
  if (!(in >> holder.host >> pid >> holder.begun >> holder.since) || pid <= 0) return {};
  holder.pid = static_cast<pid_t>(pid);
  return holder;
}

LockHolder this_process() { return {host_name(), ::getpid(), begun_at(::getpid()), utc_now()}; }

bool may_live(const LockHolder& holder) {
  if (holder.host.empty()) return false;
  return holder.host != host_name() || begun_at(holder.pid) == holder.begun;
}

RunLock::RunLock(fs::path file, int fd) : file_(std::move(file)), fd_(fd) {}
RunLock::RunLock(RunLock&& other) noexcept
    : file_(std::move(other.file_)), fd_(std::exchange(other.fd_, -1)) {}
RunLock::~RunLock() {
  if (fd_ < 0) return;
  ::unlink(file_.c_str());  // before the lock goes, so that the file is still ours
  ::close(fd_);
}

RunLock RunLock::take(const fs::path& directory) {
  fs::path file = directory / "lock";
  for (;;) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT, 0644);  // inherited, see the header
    if (fd < 0)
      throw Error(fmt::format("{}: cannot be opened ({})", file.string(), std::strerror(errno)));
    RunLock taken(file, -1);
    const Answer answer = lock(fd);
    const LockHolder holder = read_lock_line(content(fd));
    if (answer == Answer::taken || (answer == Answer::no_locks && may_live(holder))) {
      ::close(fd);
      refuse(directory, holder, answer == Answer::taken);
    }
    if (!is_at(file, fd)) {
      ::close(fd);
      continue;
    }
    taken.fd_ = fd;
    const std::string line = lock_line(this_process());
    if (::ftruncate(fd, 0) != 0 ||
        ::pwrite(fd, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
      throw Error(fmt::format("{}: cannot be written ({})", file.string(), std::strerror(errno)));
    return taken;
  }
}

}  // namespace limen::results
