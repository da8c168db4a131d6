// One process at a time measures into a run, whoever died before.
#include "results/run_lock.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/error.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::results {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using tests::Folder;
using tests::slurp;
using tests::spill;

// A process that has the lock, and waits to be killed.
class Holder {
 public:
  explicit Holder(const fs::path& directory) {
    int ready[2];
    if (pipe(ready) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      const RunLock lock = RunLock::take(directory);
      if (write(ready[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    char c = 0;
    if (read(ready[0], &c, 1) != 1) throw std::runtime_error("the holder died");
    close(ready[0]), close(ready[1]);
  }
  ~Holder() { end(); }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

std::string refusal(const fs::path& directory) {
  try {
    RunLock::take(directory);
  } catch (const Error& e) {
    return e.what();
  }
  return "taken";
}

TEST(RunLock, TheSecondIsRefusedWithHostAndPidOfTheFirst) {
  const Folder folder;
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  Holder first(folder.path());
  const std::string why = refusal(folder.path());
  EXPECT_THAT(why, AllOf(HasSubstr("process " + std::to_string(first.pid()) + " on " + host),
                         HasSubstr(folder.path().string())));
  EXPECT_EQ(why.find('\n'), std::string::npos);
  EXPECT_EQ(refusal(folder.path()), why) << "a refusal changes nothing";
  first.end();
  EXPECT_TRUE(fs::exists(folder / "lock"));
  EXPECT_EQ(refusal(folder.path()), "taken") << "a killed process holds nothing";
  EXPECT_FALSE(fs::exists(folder / "lock")) << "and an orderly end leaves nothing";
}

TEST(RunLock, IsRefusedInTheSameProcessToo) {
  const Folder folder;
  const RunLock first = RunLock::take(folder.path());
  EXPECT_THAT(refusal(folder.path()), HasSubstr("measures into it"));
  const Folder other;
  EXPECT_EQ(refusal(other.path()), "taken");
}

TEST(RunLock, RanksThatOutliveTheirStarterKeepIt) {
  const Folder folder;
  int over[2];
  ASSERT_EQ(pipe(over), 0);
  if (const pid_t starter = fork(); starter == 0) {
    auto* lock = new RunLock(RunLock::take(folder.path()));  // dies with its process, unreleased
    (void)lock;
    if (fork() == 0) {
      close(over[1]);
      char c = 0;
      if (read(over[0], &c, 1) < 0) _exit(1);  // until the test closes its end
    }
    _exit(0);
  } else {
    close(over[0]);
    waitpid(starter, nullptr, 0);
  }
  EXPECT_THAT(refusal(folder.path()), HasSubstr("measures into it"));
  close(over[1]);
  for (int i = 0; i < 500 && refusal(folder.path()) != "taken"; ++i) usleep(10'000);
  EXPECT_EQ(refusal(folder.path()), "taken");
}

TEST(RunLock, OfManyAtOnceOneGetsIt) {
  const Folder folder;
  int start[2];
  ASSERT_EQ(pipe(start), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 16; ++i) {
    children.push_back(fork());
    if (children.back() == 0) {
      close(start[1]);
      char c = 0;
      if (read(start[0], &c, 1) != 0) _exit(2);
      try {
        const RunLock lock = RunLock::take(folder.path());
        usleep(300'000);
      } catch (const Error&) {
        _exit(1);
      }
      _exit(0);
    }
  }
  close(start[0]), close(start[1]);
  int had = 0;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    had += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2);
  }
  EXPECT_GE(had, 1);
  EXPECT_LT(had, 16);
  EXPECT_EQ(refusal(folder.path()), "taken");
}

TEST(RunLock, WithoutLocksTheNameDecides) {
  LockHolder me = this_process();
  EXPECT_TRUE(may_live(me));
  const LockHolder back = read_lock_line(lock_line(me));
  EXPECT_EQ(back.host, me.host);
  EXPECT_EQ(back.pid, me.pid);
  EXPECT_EQ(back.begun, me.begun);
  EXPECT_EQ(back.since, me.since);
  ++me.begun;
  EXPECT_FALSE(may_live(me)) << "another process has the number now";
  me.host += "x";
  EXPECT_TRUE(may_live(me)) << "of another host we cannot tell";
  for (const char* damaged : {"", "node1", "node1 x 3 2026", "node1 -4 3 2026", "\n"})
    EXPECT_FALSE(may_live(read_lock_line(damaged))) << damaged;
}

TEST(RunLock, ADamagedFileIsTakenOver) {
  const Folder folder;
  spill(folder / "lock", "\xff\xfe nonsense");
  EXPECT_EQ(refusal(folder.path()), "taken");
  EXPECT_THAT(refusal(folder / "none"), HasSubstr("lock: cannot be opened"));
}

}  // namespace
}  // namespace limen::results
