// The floor plan: includes point down only, and the numeric core of the model includes nothing but
// std.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::set<std::string>> allowed = {
    {"model", {"model"}},
    {"kernels", {"kernels", "model"}},
    {"results", {"results", "model"}},
    {"probes", {"probes", "kernels", "results", "model"}},
    {"calibration", {"calibration", "results", "model"}},
    {"report", {"report", "results", "calibration", "model"}},
};

struct Include {
  std::string file;
  int line;
  std::string path;
  bool quoted;
};

// The path of an #include line and how it is written; nothing if it is another line.
std::optional<std::pair<std::string, bool>> included(std::string line) {
  line.erase(std::remove(line.begin(), line.end(), ' '), line.end());
  constexpr std::string_view keyword = "#include";
  if (line.rfind(keyword, 0) != 0 || line.size() < keyword.size() + 2) return {};
  const char open = line[keyword.size()];
  const auto end = line.find(open == '<' ? '>' : '"', keyword.size() + 1);
  if ((open != '<' && open != '"') || end == std::string::npos) return {};
  return std::pair{line.substr(keyword.size() + 1, end - keyword.size() - 1), open == '"'};
}

std::vector<Include> includes_in(const std::string& folder) {
  std::vector<Include> out;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(LIMEN_SOURCE_DIR) / folder)) {
    static const std::set<std::string> endings = {".hpp", ".cpp", ".h", ".cu", ".cuh"};
    if (!endings.count(entry.path().extension().string())) continue;
    std::ifstream file(entry.path());
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      if (const auto found = included(line)) {
        out.push_back({fs::relative(entry.path(), LIMEN_SOURCE_DIR).string(), number, found->first,
                       found->second});
      }
    }
  }
  return out;
}

TEST(Structure, IncludesPointDownOnly) {
  int seen = 0;
  for (const auto& [folder, may] : allowed) {
    for (const auto& i : includes_in(folder)) {
      const std::string top = i.path.substr(0, i.path.find('/'));
      if (!i.quoted || i.path.find('/') == std::string::npos) continue;
      ++seen;
      const bool known = allowed.count(top) || top == "cli" || top == "tests";
      EXPECT_TRUE(!known || may.count(top)) << i.file << ":" << i.line << " includes " << i.path;
    }
  }
  EXPECT_GT(seen, 50);
}

TEST(Structure, TheNumericCoreIncludesNothingButStd) {
  for (const auto& i : includes_in("model")) {
    if (i.file.rfind("model/cards/", 0) == 0) continue;
    const bool core = i.path.rfind("model/", 0) == 0 && i.path.rfind("model/cards/", 0) != 0;
    const bool standard = !i.quoted && i.path.find_first_of("./") == std::string::npos;
    EXPECT_TRUE(core || standard) << i.file << ":" << i.line << " includes " << i.path;
    EXPECT_NE(i.path, "ranges") << i.file;
  }
}

TEST(Structure, NothingButKernelsAndProbesKnowsADevice) {
  for (const std::string folder : {"model", "results", "calibration", "report"}) {
    for (const auto& i : includes_in(folder)) {
      for (const char* device : {"mpi.h", "cuda", "nccl", "hwloc", "hwy/"}) {
        EXPECT_NE(i.path.rfind(device, 0), 0u) << i.file << ":" << i.line << " includes " << i.path;
      }
    }
  }
}

}  // namespace
