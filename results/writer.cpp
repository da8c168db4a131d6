// Writing a run: the exclusive claim of a directory, whole lines, and run.json by rename.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "model/error.hpp"
#include "results/records.hpp"
#include "results/store.hpp"

namespace limen::results {

namespace fs = std::filesystem;

namespace {

class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::string& what, const fs::path& where, int why) {
  std::string hint;
  if (why == ENOSPC || why == EDQUOT || why == EFBIG)
    hint = "; make room, what was written before is intact";
  if (why == EACCES || why == EROFS || why == EPERM) hint = "; choose a folder you may write to";
  throw Error(fmt::format("{}: {} ({}){}", where.string(), what, std::strerror(why), hint));
}

// Writes all of the text; false with errno set if the disk takes only a part. `done` is how much it
// took.
bool write_whole(int fd, const std::string& text, std::size_t& done) {
  for (done = 0; done < text.size();) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) {
      errno = ENOSPC;
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  return true;
}

// Beside the target, under a name that nobody else has: O_EXCL, and not a lock, since it also holds
// among hosts that share a folder.
std::pair<fs::path, int> open_draft(const fs::path& target) {
  constexpr int most_tries = 1000;  // drafts that killed processes of our number left
  for (int i = 0; i < most_tries; ++i) {
    fs::path draft = fmt::format("{}.new-{}-{}", target.string(), ::getpid(), i);
    File file(draft, O_WRONLY | O_CREAT | O_EXCL);
    if (file.fd() >= 0) return {std::move(draft), file.release()};
    if (errno != EEXIST) fail("cannot be created", draft, errno);
  }
  fail("cannot be created beside the drafts that killed processes left", target, EEXIST);
}

// A killed writer may have left half a line. It is dropped before anything is put behind it, or
// completed if only its newline is missing. Under the lock that a writer shares while it writes a
// line: half a line is never that of a writer that lives.
void mend_last_line(int fd, const fs::path& path) {
  ::flock(fd, LOCK_EX);
  const off_t size = ::lseek(fd, 0, SEEK_END);
  off_t keep = size;
  for (char c = 0; keep > 0 && ::pread(fd, &c, 1, keep - 1) == 1 && c != '\n';) --keep;
  if (keep < size) {
    std::string last(static_cast<std::size_t>(size - keep), '\0');
    bool whole = ::pread(fd, last.data(), last.size(), keep) == size - keep;
    try {
      if (whole) read_record(last, path.string(), 0);
    } catch (const Error&) {
      whole = false;
    }
    std::size_t done = 0;
    if (whole ? !write_whole(fd, "\n", done) : ::ftruncate(fd, keep) != 0)
      fail("cannot be mended", path, errno);
  }
  ::flock(fd, LOCK_UN);
}

}  // namespace

void write_file(const fs::path& target, const std::string& text) {
  std::error_code why;
  std::size_t done = 0;
  if (fs::exists(target, why) && !fs::is_regular_file(target, why)) {  // a terminal, a pipe
    File file(target, O_WRONLY);
    if (file.fd() < 0 || !write_whole(file.fd(), text, done))
      fail("cannot be written", target, errno);
    return;
  }
  const auto [draft, fd] = open_draft(target);
  bool written = write_whole(fd, text, done) && ::fsync(fd) == 0;
  int error = errno;
  if (::close(fd) != 0 && written) {  // NFS may find only now that there is no room
    written = false;
    error = errno;
  }
  if (written && ::rename(draft.c_str(), target.c_str()) == 0) return;
  if (written) error = errno;
  ::unlink(draft.c_str());
  fail("cannot be written", target, error);
}

RunWriter::RunWriter(fs::path directory, int fd) : directory_(std::move(directory)), fd_(fd) {}
RunWriter::RunWriter(RunWriter&& other) noexcept
    : directory_(std::move(other.directory_)), fd_(std::exchange(other.fd_, -1)) {}
RunWriter& RunWriter::operator=(RunWriter&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(fd_, other.fd_);
  return *this;
}
RunWriter::~RunWriter() {
  if (fd_ >= 0) ::close(fd_);
}

RunWriter RunWriter::create(const fs::path& directory, const Provenance& provenance) {
  std::error_code why;
  fs::create_directories(directory, why);
  if (why) fail("cannot be made", directory, why.value());
  const fs::path samples = directory / "samples.jsonl";
  File file(samples,
            O_WRONLY | O_CREAT | O_EXCL | O_APPEND);  // one of two runs that start at once gets it
  if (file.fd() < 0 && errno == EEXIST)
    throw Error(directory.string() +
                ": holds a run already; name another folder, or move that one away");
  if (file.fd() < 0) fail("cannot be created", samples, errno);
  try {
    write_file(directory / "run.json", run_record(provenance));
  } catch (...) {
    ::unlink(samples.c_str());  // else a second attempt would find a run here
    throw;
  }
  return RunWriter(directory, file.release());
}

RunWriter RunWriter::append_to(const fs::path& directory) {
  const fs::path samples = directory / "samples.jsonl";
  File file(samples, O_RDWR | O_APPEND);
  if (file.fd() < 0 && errno == ENOENT)
    throw Error(directory.string() + ": no run to append to; `limen probe --out` makes one");
  if (file.fd() < 0) fail("cannot be opened", samples, errno);
  mend_last_line(file.fd(), samples);
  return RunWriter(directory, file.release());
}

void RunWriter::visit(const std::string& probe, const Parameters& parameters,
                      const model::Work& work, const Visit& visit) {
  line(record_line({{probe, parameters, work, Samples{}}, visit}));
}

void RunWriter::verdict(const std::string& probe, const Parameters& parameters,
                        const model::Work& work, const Outcome& outcome) {
  line(record_line({{probe, parameters, work, outcome}, std::nullopt}));
}

RunWriter RunWriter::create_in(const fs::path& parent, const std::string& name,
                               const Provenance& provenance) {
  std::error_code why;
  fs::create_directories(parent, why);
  if (why) fail("cannot be made", parent, why.value());
  // mkdir makes a folder or says that it is there, at once, on every file system: of many processes
  // that want one name each gets a folder of its own.
  for (int i = 1;; ++i) {
    const fs::path directory = parent / (i == 1 ? name : fmt::format("{}-{}", name, i));
    if (::mkdir(directory.c_str(), 0777) == 0) return create(directory, provenance);
    if (errno != EEXIST) fail("cannot be made", directory, errno);
  }
}

void RunWriter::finish(const Provenance& provenance) {
  write_file(directory_ / "run.json", run_record(provenance));
}

void RunWriter::line(const std::string& text) {
  std::size_t done = 0;
  ::flock(fd_, LOCK_SH);  // see mend_last_line
  const bool written = write_whole(fd_, text + "\n", done);
  const int why = errno;
  ::flock(fd_, LOCK_UN);
  if (written) return;
  // Takes back what the disk took of the line, unless another process has written behind it.
  struct stat now {};
  const off_t end = ::lseek(fd_, 0, SEEK_CUR);
  if (done > 0 && ::fstat(fd_, &now) == 0 && now.st_size == end &&
      ::ftruncate(fd_, end - static_cast<off_t>(done)) != 0) {
    // The reader takes a cut-off last line for what it is.
  }
  fail("a line could not be written", directory_ / "samples.jsonl", why);
}

}  // namespace limen::results
