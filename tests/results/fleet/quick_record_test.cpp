// The quick reader of lines and the general one: what the first takes, the second takes, too, and
// makes the same of it.
#include "results/quick_record.hpp"

#include <fstream>
#include <optional>

#include <gtest/gtest.h>

#include "model/error.hpp"

namespace limen::results {
namespace {

// A space is no form that the quick reader takes.
std::optional<std::string> general(const std::string& line) {
  EXPECT_FALSE(quick_record(" " + line));
  try {
    return record_line(read_record(" " + line, "file", 1));
  } catch (const Error&) {
    return {};
  }
}

std::vector<std::string> recorded_lines() {
  std::ifstream in(LIMEN_SOURCE_DIR "/results/data/epyc-2core-quick/samples.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(QuickRecord, TakesEveryLineThatLimenWrote) {
  const auto lines = recorded_lines();
  ASSERT_GT(lines.size(), 1000u);
  for (const std::string& line : lines) {
    const auto quick = quick_record(line);
    ASSERT_TRUE(quick) << line;
    EXPECT_EQ(record_line(*quick), general(line)) << line;
  }
}

TEST(QuickRecord, NeverTakesWhatTheGeneralReaderRefuses) {
  const std::string lines[] = {
      R"({"parameters":{"bytes":-16,"kernel":"read"},"probe":"memory.stream","visit":{"at":0.5,"inner":24,"joules":1.5,"marks":{"stolen":[0,1],"throttled":[1]},"seconds":[3.38e-06,2.1]},"work":{"flops":0.0,"read":0.0,"written":1048576.0}})",
      R"({"parameters":{},"probe":"gemm","verdict":{"stop":"settled"},"work":{"flops":1.0,"read":0.0,"written":1e3}})",
      R"({"parameters":{"n":1},"probe":"gemm","verdict":{"skipped":"no unit"},"work":{"flops":1.0,"read":0.0,"written":1e3}})"};
  std::size_t taken = 0, refused = 0;
  const auto hold = [&](const std::string& line) {
    const auto quick = quick_record(line);
    const auto slow = general(line);
    if (quick) {
      EXPECT_EQ(record_line(*quick), slow) << line;
    }
    quick ? ++taken : ++refused;
  };
  for (const std::string& line : lines) {
    ASSERT_TRUE(quick_record(line)) << line;
    for (std::size_t i = 0; i < line.size(); ++i) {
      hold(line.substr(0, i));
      hold(line.substr(0, i) + line.substr(i + 1));
      for (const char c : std::string_view("\"\\{}[]:,0129.-+eE nNx\x01\xff", 22)) {
        std::string other = line;
        other[i] = c;
        hold(other);
        other.insert(i, 1, line[i]);
        hold(other);
      }
    }
  }
  EXPECT_GT(taken, 1000u);
  EXPECT_GT(refused, 10000u);
}

}  // namespace
}  // namespace limen::results
