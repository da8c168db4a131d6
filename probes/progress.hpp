// One line on a terminal: how far the run is and how long it may still take. Silent where stderr is
// no terminal.
#pragma once

#include <cstddef>
#include <string>

namespace limen::probes {

class Progress {
 public:
  Progress();
  ~Progress();  // clears the line
  // `done` of `all` cases have ended, at most `seconds_left` remain.
  void show(const std::string& probe, std::size_t done, std::size_t all, double seconds_left);

 private:
  bool terminal_, color_;
  double shown_ = -1;
};

}  // namespace limen::probes
