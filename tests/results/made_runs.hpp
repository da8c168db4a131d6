// Folders and samples made up for tests.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "results/store.hpp"

namespace limen::tests {

// A folder of this test alone, removed with everything in it.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "limen-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void spill(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Times around a truth: every visit shifted as a whole (drift), every sample scattered, some of
// them far out.
struct Noise {
  double drift = 0.01, scatter = 0.01, outliers = 0;
  int visits = 6, samples = 8;
  std::uint64_t seed = 1;
};
inline results::Samples noisy(double seconds, const Noise& noise, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  results::Samples made;
  made.stop = "settled";
  for (int v = 0; v < noise.visits; ++v) {
    results::Visit visit;
    visit.at = v;
    const double shift = noise.drift * normal(random);
    for (int i = 0; i < noise.samples; ++i) {
      const double far = uniform(random) < noise.outliers ? 1 + 4 * uniform(random) : 1;
      visit.seconds.push_back(seconds * far * std::exp(shift + noise.scatter * normal(random)));
    }
    made.visits.push_back(std::move(visit));
  }
  return made;
}

}  // namespace limen::tests
