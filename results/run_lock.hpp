// One process at a time measures into a run: a file `lock` in its folder, which says who, and a
// record lock on it, which the kernel lets go with the process. Record locks hold among hosts that
// share a folder by NFS, where flock need not; on file systems that have none, the name in the file
// decides.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace limen::results {

struct LockHolder {
  std::string host;
  pid_t pid = 0;
  std::int64_t begun = 0;  // of the process, in ticks since its host booted: a pid may come again
  std::string since;       // UTC
};

class RunLock {
 public:
  // Error in one line, with host and pid of the holder, if another process has it. What a dead one
  // left is taken over. The processes that we start inherit it: ranks may outlive us, and measure.
  static RunLock take(const std::filesystem::path& directory);

  RunLock(RunLock&&) noexcept;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();  // removes the file

 private:
  RunLock(std::filesystem::path file, int fd);

  std::filesystem::path file_;
  int fd_ = -1;
};

// One line of a lock file, and back; what is malformed has no host.
std::string lock_line(const LockHolder& holder);
LockHolder read_lock_line(const std::string& text);
LockHolder this_process();
// As far as this host can tell: false only for a process of this host that is no more.
bool may_live(const LockHolder& holder);

}  // namespace limen::results
