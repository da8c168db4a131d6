// Where the rows of a sweep go: stdout, or a file that a later sweep of the same grid can go on
// with.
//
// Beside FILE stands FILE.grid.json: which grid it is, and how far it was when it was last looked
// at (rows that are not selected leave no other trace). A row begins with its configuration's
// number, so the last whole line of FILE says where to go on, wherever it was cut.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace limen::cli {

class SweepFile {
 public:
  struct Contents {
    std::string heading;   // the first line; may be empty
    std::uint64_t hash;    // of the grid, the selection and the form of the rows
    std::uint64_t points;  // of the grid
    std::function<std::string(std::uint64_t)> row;  // of a configuration: what FILE must hold
  };

  // `path` empty: stdout. Error if it exists and is not to be resumed, holds another grid, or
  // cannot be written.
  SweepFile(const std::string& path, bool resume, const Contents& contents);
  ~SweepFile();
  SweepFile(const SweepFile&) = delete;
  SweepFile& operator=(const SweepFile&) = delete;

  // The first configuration that is not in it yet.
  std::uint64_t begin() const { return begin_; }

  // Appends whole rows; all configurations before `next` are in it then, or not selected. Error.
  void append(const std::string& rows, std::uint64_t next);

  // Notes where it ends. Error if the disk refuses.
  void close();

 private:
  void take_up(const Contents& contents);
  void write(const char* data, std::size_t n);
  void note_progress();
  [[noreturn]] void fail(const std::string& what) const;

  std::string path_, side_;  // side_ empty: there is none
  std::uint64_t hash_ = 0, points_ = 0;
  int fd_ = 1;
  std::uint64_t begin_ = 0, next_ = 0, bytes_ = 0;
  double noted_ = 0;  // when, steady clock
};

}  // namespace limen::cli
