// limen sweep as a user runs it: the same bytes whatever the threads, a file that can be gone on
// with wherever it was cut, one line for what is no grid.
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/resource.h>
#include <sys/wait.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

Finished sweep(Words more) {
  more.insert(more.begin(), "sweep");
  return run_limen(more);
}

Words with(Words more) {
  more.insert(more.begin(), {"--model", "llama-3.1-8b", "--machine", "h100-8"});
  return more;
}

// 2 x 3 x 20 x 300 configurations: several blocks.
const Words some_grid = {"--tp",    "1,8",       "--set",     "memory.bandwidth=1TB/s..9TB/s:3:log",
                         "--batch", "1..200:20", "--context", "128..128k:300:log"};

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class SweepFiles : public testing::Test {
 protected:
  SweepFiles() {
    directory_ = fs::path(testing::TempDir()) /
                 std::string("limen_sweep_")
                     .append(std::to_string(getpid()))
                     .append(testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  ~SweepFiles() override { fs::remove_all(directory_); }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  Finished to_file(const std::string& name, Words grid, Words more = {}) {
    grid = with(std::move(grid));
    grid.insert(grid.end(), {"-o", path(name)});
    grid.insert(grid.end(), more.begin(), more.end());
    return sweep(grid);
  }

 private:
  fs::path directory_;
};

TEST(SweepCommand, RowsAreWhatPredictSays) {
  const auto rows = sweep(with({"--tp", "1,8", "--batch", "1,64", "--context", "4k,8k", "--json",
                                "--set", "memory.bandwidth=4TB/s,8TB/s"}));
  ASSERT_EQ(rows.code, 0) << rows.err;
  std::istringstream lines(rows.out);
  int n = 0;
  for (std::string line; std::getline(lines, line); ++n) {
    const auto row = nlohmann::json::parse(line);
    ASSERT_EQ(row["index"], n);
    const double bandwidth = row["memory.bandwidth[B/s]"];
    const auto r =
        run_limen({"predict", "--model", "llama-3.1-8b", "--machine", "h100-8", "--set",
                   bandwidth == 4e12 ? "memory.bandwidth=4TB/s" : "memory.bandwidth=8TB/s", "--tp",
                   row["tp"].dump(), "--batch", row["batch"].dump(), "--context",
                   row["context"].dump(), "--json"});
    const auto p = nlohmann::json::parse(r.out)[0];
    for (const char* key : {"fits", "utps", "stps", "utps_ideal", "stps_ideal", "binding_limit",
                            "next_limit", "next_factor", "bytes_held"})
      EXPECT_EQ(row[key], p[key]) << key << " of row " << n;
    EXPECT_EQ(row["memory_seconds"], p["seconds_per_limit"]["memory_bandwidth"]);
  }
  EXPECT_EQ(n, 16);
}

TEST(SweepCommand, WhatDoesNotFitHasNoFigure) {
  const auto r = sweep({"--model", "llama-3.1-405b", "--machine", "h100-8", "--tp", "1,16"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_THAT(r.out, HasSubstr(",4096,false,capacity,,,,,memory_capacity,"));
  EXPECT_THAT(r.out, HasSubstr(",4096,false,partition,,,,,"));
}

TEST(SweepCommand, WholeNumbersAreTakenOnceAndEndsAreExact) {
  const auto r = sweep(with({"--batch", "1..8:4:log,9,9", "--set", "sync.tp=0us..3us:3"}));
  ASSERT_EQ(r.code, 0) << r.err;
  std::string batches;
  std::istringstream lines(r.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_THAT(line, HasSubstr("index,model,machine,weights,experts,kv,tp,pp,ep,dp,sync.tp[s],batch,"
                              "context,fits,reason,utps,"));
  for (const char* row : {"0,", ",0,1,4096,", "1,", ",0,2,4096,", "2,", ",0,4,4096,", "3,",
                          ",0,8,4096,", "4,", ",0,9,4096,", "5,", ",1.5e-06,1,4096,"}) {
    static int half = 0;
    if (half++ % 2 == 0) {
      ASSERT_TRUE(std::getline(lines, line));
      EXPECT_EQ(line.rfind(row, 0), 0u) << line;
    } else {
      EXPECT_THAT(line, HasSubstr(row));
    }
  }
}

TEST_F(SweepFiles, AreTheSameWhateverTheThreads) {
  for (const char* form : {"csv", "json"}) {
    const bool json = form == std::string("json");
    std::string expected;
    for (const char* threads : {"1", "2", "4"}) {
      Words more = {"--threads", threads};
      if (json) more.push_back("--json");
      const std::string name = std::string(form).append(threads);
      const auto r = to_file(name, some_grid, more);
      ASSERT_EQ(r.code, 0) << r.err;
      if (expected.empty()) expected = text_of(path(name));
      EXPECT_TRUE(text_of(path(name)) == expected) << name;
    }
    EXPECT_EQ(std::count(expected.begin(), expected.end(), '\n'), json ? 36000 : 36001);
  }
  const auto printed = sweep(with(some_grid));
  EXPECT_TRUE(printed.out == text_of(path("csv1")));
}

TEST_F(SweepFiles, ReductionsAreTheSameWhateverTheThreads) {
  for (const Words& how : {Words{"--summary", "--json"}, Words{"--top", "7", "--by", "stps"},
                           Words{"--summary", "--select", "fits,utps>=50,stps<3000"}}) {
    std::string first;
    for (const char* threads : {"1", "2", "4"}) {
      Words all = with(some_grid);
      all.insert(all.end(), how.begin(), how.end());
      all.insert(all.end(), {"--threads", threads});
      const auto r = sweep(all);
      ASSERT_EQ(r.code, 0) << r.err;
      if (first.empty()) first = r.out;
      EXPECT_EQ(r.out, first);
    }
  }
}

TEST_F(SweepFiles, GoOnFromWhereverTheyWereCut) {
  for (bool json : {false, true}) {
    const Words form = json ? Words{"--json"} : Words{};
    ASSERT_EQ(to_file("whole", some_grid, form).code, 0);
    const std::string whole = text_of(path("whole"));
    const std::string side = text_of(path("whole.grid.json"));
    const auto line = whole.find('\n'), middle = whole.find('\n', whole.size() / 2);
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, line, line + 1, line + 2, middle - 1,
                             middle, middle + 1, middle + 30, whole.size() - 1, whole.size()}) {
      fs::remove(path("cut"));
      std::ofstream(path("cut"), std::ios::binary) << whole.substr(0, size);
      std::ofstream(path("cut.grid.json"), std::ios::binary) << side;
      Words more = form;
      more.push_back("--resume");
      const auto r = to_file("cut", some_grid, more);
      EXPECT_EQ(r.code, 0) << size << ": " << r.err;
      EXPECT_TRUE(text_of(path("cut")) == whole) << size;
      if (size == middle + 1) {  // what was whole is not computed again
        const auto done = std::count(whole.begin(), whole.begin() + long(size), '\n') - !json;
        EXPECT_THAT(r.err, HasSubstr(std::to_string(done) + " of 36000 configurations were there"));
      }
    }
    fs::remove(path("whole"));
  }
}

TEST_F(SweepFiles, WhatWasNotSelectedIsNotComputedAgainEither) {
  const Words rare = {"--select", "utps>=1e9"};
  ASSERT_EQ(to_file("rare", some_grid, rare).code, 0);
  Words again = rare;
  again.push_back("--resume");
  const auto r = to_file("rare", some_grid, again);
  ASSERT_EQ(r.code, 0);
  EXPECT_THAT(r.err, HasSubstr("36000 of 36000 configurations were there, 0 are new"));
}

TEST_F(SweepFiles, AreNeitherOverwrittenNorMixed) {
  ASSERT_EQ(to_file("a", some_grid).code, 0);
  const std::string before = text_of(path("a"));
  auto refused = [&](const Finished& r, const char* says) {
    EXPECT_EQ(r.code, 2);
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_THAT(r.err, HasSubstr(says));
    EXPECT_TRUE(text_of(path("a")) == before);
  };
  refused(to_file("a", some_grid), "exists: --resume goes on");
  refused(to_file("a", {"--batch", "1,2"}, {"--resume"}), "holds another grid");
  refused(to_file("a", some_grid, {"--resume", "--json"}), "holds another grid");
  refused(to_file("a", some_grid, {"--resume", "--select", "fits"}), "holds another grid");
  std::string other = before;  // a digit of the last row
  other[other.size() - 2] = other[other.size() - 2] == '1' ? '2' : '1';
  std::ofstream(path("a"), std::ios::binary) << other;
  EXPECT_THAT(to_file("a", some_grid, {"--resume"}).err, HasSubstr("its last row is not what"));
  fs::remove(path("a.grid.json"));
  EXPECT_THAT(to_file("a", some_grid, {"--resume"}).err, HasSubstr("nobody knows which grid"));
}

// A sweep of its own, in silence; for tests that end it.
pid_t start_sweep(Words arguments) {
  const pid_t child = fork();
  if (child != 0) return child;
  arguments.insert(arguments.begin(), {LIMEN_EXECUTABLE, "sweep"});
  std::vector<char*> argv;
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  const int quiet = open("/dev/null", O_WRONLY);
  dup2(quiet, 1);
  dup2(quiet, 2);
  execv(LIMEN_EXECUTABLE, argv.data());
  _exit(127);
}

// Waits until the file has so many bytes more than `size`, ends the sweep, and returns its status.
int end_behind(pid_t child, const std::string& file, std::uintmax_t size, int signal) {
  std::error_code why;
  while (!(fs::exists(file) && fs::file_size(file, why) > size)) usleep(1000);
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST_F(SweepFiles, ASignalLeavesWhatCanBeGoneOnWith) {
  for (int signal : {SIGINT, SIGTERM, SIGKILL}) {
    const std::string file = path(std::to_string(signal));
    const Words large = with({"--batch", "1..400:400", "--context", "1..100000:4000", "-o", file});
    const int status = end_behind(start_sweep(large), file, 1'000'000, signal);
    if (signal != SIGKILL) {
      ASSERT_TRUE(WIFEXITED(status));
      ASSERT_EQ(WEXITSTATUS(status), 1);
    }
    const std::string before = text_of(file);
    if (signal != SIGKILL) {
      EXPECT_EQ(before.back(), '\n');
    }
    Words again = large;  // a little further: the whole has 300 MB
    again.push_back("--resume");
    end_behind(start_sweep(again), file, before.size() + 1'000'000, SIGTERM);
    const std::string after = text_of(file);
    ASSERT_EQ(after.compare(0, before.rfind('\n') + 1, before, 0, before.rfind('\n') + 1), 0);
    std::istringstream lines(after);
    std::string line;
    std::getline(lines, line);  // the heading
    for (std::uint64_t i = 0; std::getline(lines, line); ++i)
      ASSERT_EQ(line.rfind(std::to_string(i).append(","), 0), 0u) << line;
    fs::remove(file);
  }
}

TEST_F(SweepFiles, AFullDiskOrAForbiddenPlaceIsAnError) {
  auto r = sweep(with({"--batch", "1..400:400", "--context", "1..1000:100", "-o", "/dev/full"}));
  EXPECT_EQ(r.code, 3);
  EXPECT_EQ(r.lines_of_error(), 1) << r.err;
  EXPECT_THAT(r.err, HasSubstr("cannot write /dev/full: No space left on device"));
  r = sweep(with({"-o", path("no/such/folder.csv")}));
  EXPECT_EQ(r.code, 2);
  EXPECT_THAT(r.err, HasSubstr("cannot write"));
  r = sweep(with({"-o", "/dev/null", "--resume"}));
  EXPECT_EQ(r.code, 2);
  EXPECT_THAT(r.err, HasSubstr("no regular file"));
}

TEST(SweepCommand, MemoryDoesNotGrowWithTheGrid) {
  auto peak = [](const char* batches) {
    const pid_t child = fork();
    if (child == 0) {
      const int quiet = open("/dev/null", O_WRONLY);
      dup2(quiet, 1);
      execl(LIMEN_EXECUTABLE, LIMEN_EXECUTABLE, "sweep", "--model", "llama-3.1-8b", "--machine",
            "h100-8", "--batch", batches, "--context", "1..100000:1000", "--threads", "2", nullptr);
      _exit(127);
    }
    int status = 0;
    rusage used{};
    wait4(child, &status, 0, &used);
    EXPECT_EQ(status, 0);
    return used.ru_maxrss;  // KiB
  };
  EXPECT_LT(peak("1..1000:1000"), peak("1..100:100") + 8192);  // ten times the rows
}

TEST(SweepCommand, TopIsTheHeadOfTheSortedRows) {
  const auto all = sweep(with({"--batch", "1..64:64", "--context", "1k..64k:5", "--json"}));
  const auto top = sweep(with(
      {"--batch", "1..64:64", "--context", "1k..64k:5", "--json", "--top", "9", "--by", "stps"}));
  auto rows = [](const std::string& text) {
    std::vector<nlohmann::json> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  };
  auto sorted = rows(all.out);
  sorted.erase(
      std::remove_if(sorted.begin(), sorted.end(), [](const auto& r) { return !r["fits"]; }),
      sorted.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a["stps"] > b["stps"]; });
  sorted.resize(9);
  EXPECT_EQ(rows(top.out), sorted);
}

TEST(SweepCommand, TheSummaryCountsAndItsQuantilesAreRight) {
  const Words grid = with({"--batch", "1..64:64", "--context", "1k..64k:50", "--json"});
  Words summary = grid;
  summary.push_back("--summary");
  const auto s = nlohmann::json::parse(sweep(summary).out);
  std::vector<double> utps;
  std::istringstream lines(sweep(grid).out);
  for (std::string line; std::getline(lines, line);) {
    const auto r = nlohmann::json::parse(line);
    if (r["fits"]) utps.push_back(r["utps"]);
  }
  std::sort(utps.begin(), utps.end());
  EXPECT_EQ(s["configurations"], 3200);
  EXPECT_EQ(s["fit"], utps.size());
  const auto& u = s["figures"]["utps"];
  EXPECT_EQ(u["least"], utps.front());
  EXPECT_EQ(u["most"], utps.back());
  EXPECT_EQ(u["at_most"]["utps"], utps.back());
  for (double share : {0.01, 0.25, 0.5, 0.95}) {
    const double exact = utps[std::size_t(std::ceil(share * double(utps.size()))) - 1];
    std::ostringstream key;
    key << share;
    EXPECT_NEAR(double(u["quantiles"][key.str()]), exact, exact * 0.001) << share;
  }
}

TEST(SweepCommand, MonteCarloFollowsTheSeed) {
  const fs::path file = fs::path(testing::TempDir()) / "limen_sweep_machine.toml";
  std::ofstream(file) << R"(schema = 1
name = "calibrated"
[memory]
capacity = { value = "80 GB", evidence = "datasheet", source = "test" }
bandwidth = { value = "3 TB/s", low = "2.5 TB/s", high = "3.5 TB/s", evidence = "fitted", source = "test" }
[compute]
bf16 = { value = "900 TFLOP/s", evidence = "datasheet", source = "test" }
)";
  auto draws = [&](const char* seed) {
    return sweep({"--model", "llama-3.1-8b", "--machine", file.string(), "--monte-carlo", "2000",
                  "--seed", seed});
  };
  const auto a = draws("1"), b = draws("1"), c = draws("2");
  ASSERT_EQ(a.code, 0) << a.err;
  EXPECT_TRUE(a.out == b.out);
  EXPECT_FALSE(a.out == c.out);
  const auto s = nlohmann::json::parse(sweep({"--model", "llama-3.1-8b", "--machine", file.string(),
                                              "--monte-carlo", "20000", "--summary", "--json"})
                                           .out);
  const auto p = nlohmann::json::parse(
      run_limen({"predict", "--model", "llama-3.1-8b", "--machine", file.string(), "--json"})
          .out)[0];
  const auto& q = s["figures"]["utps"]["quantiles"];
  EXPECT_NEAR(q["0.5"], double(p["utps"]), double(p["utps"]) * 0.005);
  // Memory is all of it, so the 5th percentile is the rate at the interval's lower end.
  EXPECT_NEAR(q["0.05"], double(p["utps"]) * 2.5 / 3, double(p["utps"]) * 0.01);
  fs::remove(file);
}

struct Bad {
  Words arguments;
  std::string says;
};

TEST(SweepCommand, BadInputIsOneLineAndExitCodeTwo) {
  const std::vector<Bad> cases = {
      {{"--model", "lama-3.1-8b", "--machine", "h100-8"}, "did you mean 'llama-3.1-8b'?"},
      {with({"--set", "memory.bandwith=1TB/s,2TB/s"}), "did you mean 'memory.bandwidth'?"},
      {with({"--set", "memory.bandwidth"}), "write KEY=VALUE"},
      {with({"--set", "memory.bandwidth=1,2"}), "has no unit"},
      {with({"--set", "memory.bandwidth="}), "has an empty value"},
      {with({"--set", "memory.bandwidth=1TB/s,,2TB/s"}), "has an empty value"},
      {with({"--set", "memory.bandwidth=1TB/s..2TB/s"}), "does not say how many values"},
      {with({"--set", "memory.bandwidth=1TB/s..2TB/s:0"}), "must be at least 1"},
      {with({"--set", "memory.bandwidth=1TB/s..2TB/s:1"}), "must have 2 to 10000000 values"},
      {with({"--set", "memory.bandwidth=1TB/s..2TB/s:1e3"}), "not a whole number"},
      {with({"--set", "memory.bandwidth=1TB/s..2TB/s:20000000"}), "must have 2 to 10000000"},
      {with({"--set", "memory.bandwidth=2TB/s..1TB/s:5"}), "must begin below its end"},
      {with({"--set", "memory.bandwidth=1TB/s..1TB/s:5"}), "must begin below its end"},
      {with({"--set", "memory.bandwidth=1TB/s..2TB/s:5:lg"}), "did you mean 'log'?"},
      {with({"--set", "sync.tp=0us..2us:5:log"}), "cannot begin at zero with log"},
      {with({"--set", "sync.tp=-1us..2us:5:log"}), "must be zero or more"},
      {with({"--set", "memory.bandwidth=nanTB/s"}), "is not a number"},
      {with({"--set", "memory.bandwidth=1TB/s..infTB/s:4"}), "is not a number"},
      {with({"--set", "memory.efficiency=0.5..1.5:4"}), "above 1 is impossible"},
      {with({"--set", "sync.tp=1us", "--set", "sync.tp=2us"}), "given twice"},
      {with({"--set", "devices=0,2"}), "must be at least 1"},
      {with({"--batch", "0"}), "must be at least 1"},
      {with({"--batch", "1..x:4"}), "not a whole number"},
      {with({"--context", ""}), "has an empty value"},
      {with({"--context", "99999999999999999999"}), "too large"},
      {with({"--pp", "1,33"}), "has only 32 layers"},
      {with({"--tp", "1048576", "--pp", "2"}), "more than 1048576 ranks"},
      {with({"--weights", "bf16,fp7"}), "did you mean 'fp8'?"},
      {with({"--conventions", "papr"}), "did you mean 'paper'?"},
      {with({"--batch", "1..1000000:1000000", "--context", "1..1000000:1000000", "--set",
             "sync.tp=0us..1us:10000000"}),
       "2^63 configurations or more"},
      {with({"--select", "uttps>=1"}), "did you mean 'utps'?"},
      {with({"--select", "utps>=fast"}), "is not a number"},
      {with({"--select", "utps"}), "is no condition"},
      {with({"--select", "binding_limit=memory"}), "unknown limit 'memory'"},
      {with({"--top", "0"}), "must be at least 1"},
      {with({"--top", "3", "--by", "speed"}), "unknown figure 'speed'"},
      {with({"--top", "3", "--summary"}), "choose one"},
      {with({"--summary", "--resume"}), "begin anew"},
      {with({"--resume"}), "-o FILE"},
      {with({"--threads", "0"}), "must be at least 1"},
      {with({"--monte-carlo", "0"}), "must be at least 1"},
      {with({"--seed", "2"}), "--seed requires --monte-carlo"},
      {with({"--monte-carlo", "5", "--seed", "-1"}), "--seed: '-1' is below 0"},
      {with({"--by", "stps"}), "--by requires --top"},
      {with({"--experts", "fp8"}), "llama-3.1-8b has no routed experts"},
      {with({"--select", ""}), "--select: '' has an empty value"},
      {{"--model", "llama-3.1-8b", "--machine", "xpu-hbm4", "--monte-carlo", "5"},
       "has an interval"}};
  for (const auto& bad : cases) {
    const auto r = sweep(bad.arguments);
    EXPECT_EQ(r.code, 2) << bad.says;
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_THAT(r.err, HasSubstr(bad.says));
  }
}

}  // namespace
}  // namespace limen::tests
