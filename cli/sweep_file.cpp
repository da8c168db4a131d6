#include "cli/sweep_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/error.hpp"

namespace limen::cli {
namespace {

constexpr int schema = 1;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Bytes of a file, at most `n` of them, from `offset` on.
std::string read_at(int fd, std::uint64_t offset, std::uint64_t n) {
  std::string out(n, '\0');
  std::size_t have = 0;
  while (have < n) {
    const ssize_t got = pread(fd, out.data() + have, n - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  out.resize(have);
  return out;
}

// The configuration that a row is of: its first number.
std::optional<std::uint64_t> index_of(std::string_view row) {
  constexpr std::string_view json = "{\"index\":";
  if (row.substr(0, json.size()) == json) row.remove_prefix(json.size());
  std::uint64_t index = 0;
  const auto [end, error] = std::from_chars(row.data(), row.data() + row.size(), index);
  if (error != std::errc() || end == row.data() + row.size() || *end != ',') return {};
  return index;
}

}  // namespace

SweepFile::SweepFile(const std::string& path, bool resume, const Contents& contents)
    : path_(path), hash_(contents.hash), points_(contents.points) {
  struct stat facts {};
  if (path.empty()) {
    if (resume) throw Error("--resume needs the file to go on with: -o FILE");
    path_ = "stdout";
  } else {
    const bool exists = stat(path.c_str(), &facts) == 0;
    const bool regular = !exists || S_ISREG(facts.st_mode);
    if (regular) side_ = path + ".grid.json";
    if (resume && !regular)
      throw Error(path + " is no regular file, so --resume cannot go on with it");
    if (exists && regular && !resume && facts.st_size > 0) {
      throw Error(path + " exists: --resume goes on with it; or remove it, or choose another name");
    }
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0 && !regular) fd_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) throw Error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
    if (resume && exists && facts.st_size > 0) take_up(contents);
  }
  next_ = begin_;
  if (bytes_ == 0 && !contents.heading.empty()) {
    if (!side_.empty()) note_progress();
    write(contents.heading.data(), contents.heading.size());
  }
  if (!side_.empty()) note_progress();
}

SweepFile::~SweepFile() {
  if (fd_ > 1) ::close(fd_);
}

// Finds the end of the last whole row, cuts what follows, and begins behind it.
void SweepFile::take_up(const Contents& c) {
  std::ifstream side(side_);
  const auto known = nlohmann::json::parse(side, nullptr, false);
  if (!known.is_object() || !known.contains("grid") || !known["grid"].is_string())
    throw Error(fmt::format("{}: without {} nobody knows which grid it is; remove it to begin anew",
                            path_, side_));
  if (known["grid"] != fmt::format("{:016x}", hash_)) {
    throw Error(
        fmt::format("{} holds another grid (model, machine, axes, selection or form differ): "
                    "repeat the command "
                    "that wrote it, or choose another name",
                    path_));
  }
  struct stat facts {};
  fstat(fd_, &facts);
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const std::string head = read_at(fd_, 0, c.heading.size());
  if (head != c.heading.substr(0, head.size()))
    throw Error(path_ + ": its heading is not that of this grid; choose another name");
  if (head.size() == c.heading.size()) {
    constexpr std::uint64_t window = 1 << 16;  // longer than any two rows
    const std::uint64_t from =
        std::max<std::uint64_t>(c.heading.size(), size > window ? size - window : 0);
    const std::string tail = read_at(fd_, from, size - from);
    const auto last = tail.rfind('\n');
    if (last == std::string::npos) {
      if (from > c.heading.size()) throw Error(path_ + " has no line end; it is no sweep's file");
      bytes_ = c.heading.size();
    } else {
      bytes_ = from + last + 1;
      const auto before = last == 0 ? std::string::npos : tail.rfind('\n', last - 1);
      const std::string row =
          tail.substr(before == std::string::npos ? 0 : before + 1,
                      last - (before == std::string::npos ? 0 : before + 1) + 1);
      const auto index = index_of(row);
      if (!index || *index >= c.points || c.row(*index) != row) {
        throw Error(path_ +
                    ": its last row is not what this limen makes of that configuration; choose "
                    "another name");
      }
      begin_ = *index + 1;
    }
    // Rows that were not selected leave no trace but this.
    const std::uint64_t next = known.value("next", std::uint64_t{0});
    if (known.value("bytes", std::uint64_t{0}) == bytes_ && next > begin_ && next <= c.points)
      begin_ = next;
  }
  if (ftruncate(fd_, static_cast<off_t>(bytes_)) != 0) fail("cannot cut");
  lseek(fd_, static_cast<off_t>(bytes_), SEEK_SET);
}

void SweepFile::fail(const std::string& what) const {
  throw Error(fmt::format("{} {}: {}{}", what, path_, std::strerror(errno),
                          side_.empty() ? "" : "; make room, then go on with --resume"),
              Exit::unfit);
}

void SweepFile::write(const char* data, std::size_t n) {
  for (std::size_t done = 0; done < n;) {
    const ssize_t put = ::write(fd_, data + done, n - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("cannot write");
    done += static_cast<std::size_t>(put);
  }
  bytes_ += n;
}

void SweepFile::append(const std::string& rows, std::uint64_t next) {
  write(rows.data(), rows.size());
  next_ = next;
  if (!side_.empty() && now() - noted_ > 1) note_progress();
}

// Whole or not at all, by rename.
void SweepFile::note_progress() {
  noted_ = now();
  const std::string draft = side_ + ".new";
  {
    std::ofstream out(draft, std::ios::binary);
    out << nlohmann::ordered_json{{"schema", schema},
                                  {"grid", fmt::format("{:016x}", hash_)},
                                  {"points", points_},
                                  {"next", next_},
                                  {"bytes", bytes_}}
        << '\n';
    out.close();
    if (!out) fail("cannot write beside");
  }
  if (std::rename(draft.c_str(), side_.c_str()) != 0) fail("cannot write beside");
}

void SweepFile::close() {
  if (!side_.empty()) note_progress();
  if (fd_ > 1 && ::close(std::exchange(fd_, 1)) != 0) fail("cannot close");
}

}  // namespace limen::cli
