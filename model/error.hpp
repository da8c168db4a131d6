// The one error type: a bug, a broken environment or bad input, as one line that says what, where
// and what to do.
#pragma once

#include <stdexcept>
#include <string>

namespace limen {

// Exit codes of the executable; the README lists them.
enum class Exit : int { ok = 0, failed = 1, usage = 2, unfit = 3, nothing_to_run = 77 };

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& line, Exit code = Exit::usage)
      : std::runtime_error(line), code_(code) {}
  Exit code() const { return code_; }

 private:
  Exit code_;
};

}  // namespace limen
