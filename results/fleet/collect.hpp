// Finds the runs below folders and reads them, several at a time, each forgotten once its figures
// are taken.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/fleet/fleet.hpp"

namespace limen::results::fleet {

struct Left {
  std::string path, why;
};

struct Collected {
  Fleet fleet;
  std::size_t runs = 0;        // that are in the fleet
  std::vector<Left> left_out;  // damaged or half-written, by path
  std::vector<Left> remarks;   // runs that are in, but not whole
};

// `paths` are runs, or folders that hold runs at any depth (links are followed, every folder is
// looked at once). A folder with samples but no run.json is a run that was cut off while it began.
// `threads` 0: one a CPU. Error if a path is not there.
Collected collect(const std::vector<std::filesystem::path>& paths, unsigned threads = 0);

}  // namespace limen::results::fleet
