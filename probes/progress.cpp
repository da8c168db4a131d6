#include "probes/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

namespace limen::probes {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {
  const char* no_color = std::getenv("NO_COLOR");
  color_ = no_color == nullptr || *no_color == '\0';
}

Progress::~Progress() {
  if (terminal_ && shown_ >= 0) fmt::print(stderr, "\r\x1b[K");
}

void Progress::show(const std::string& probe, std::size_t done, std::size_t all,
                    double seconds_left) {
  if (!terminal_) return;
  const double now =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  if (now - shown_ < 0.1) return;
  shown_ = now;
  const char *bold = color_ ? "\x1b[1m" : "", *plain = color_ ? "\x1b[0m" : "";
  fmt::print(stderr, "\r\x1b[K{}limen{} {} of {} cases done, at most {:.0f} s left, now {}", bold,
             plain, done, all, std::max(0.0, std::ceil(seconds_left)), probe);
  std::fflush(stderr);
}

}  // namespace limen::probes
