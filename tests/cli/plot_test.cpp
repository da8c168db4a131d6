// limen plot as it is called: what it draws where, and how it refuses.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string run = LIMEN_SOURCE_DIR "/results/data/epyc-2core-quick";

std::string scratch(const std::string& name) {
  return (std::filesystem::temp_directory_path() /
          ("limen_plot_" + std::to_string(getpid()) + "_" + name))
      .string();
}

std::string content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::size_t characters(const std::string& line) {
  return std::size_t(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void expect_drawn(const Finished& f) {
  EXPECT_EQ(f.code, 0) << f.err;
  EXPECT_THAT(f.out, Not(HasSubstr("\x1b")));
  EXPECT_GT(std::count(f.out.begin(), f.out.end(), '\n'), 4);
  std::istringstream in(f.out);
  for (std::string line; std::getline(in, line);) EXPECT_LE(characters(line), 80u) << line;
}

// What limen prints when its stdout is a terminal.
std::string on_terminal(std::vector<std::string> arguments) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) return "";
  const int other = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  arguments.insert(arguments.begin(), LIMEN_EXECUTABLE);
  const pid_t child = fork();
  if (child == 0) {
    dup2(other, 1);
    std::vector<char*> argv;
    for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(other);
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;)
    out.append(buffer, std::size_t(n));
  waitpid(child, nullptr, 0);
  close(terminal);
  return out;
}

TEST(PlotCommand, DrawsEachPlotIn80Columns) {
  const auto roofline = run_limen({"plot", "roofline", "--machine", "h100-8", "--model",
                                   "llama-3.1-70b", "--tp", "8", "--batch", "1,16"});
  expect_drawn(roofline);
  for (const char* words : {"memory 3.35 TB/s", "linear layers", "attention", "FLOP/B", "batch 16"})
    EXPECT_THAT(roofline.out, HasSubstr(words));
  const auto pareto =
      run_limen({"plot", "pareto", "--machine", "h100-8", "--model", "llama-3.1-70b"});
  expect_drawn(pareto);
  EXPECT_THAT(pareto.out, HasSubstr("tp 8"));
  for (const char* by : {"operator", "limit"}) {
    const auto time = run_limen({"plot", "time", "--machine", "h100-8", "--model", "llama-3.1-8b",
                                 "--batch", "1,8", "--by", by});
    expect_drawn(time);
    EXPECT_THAT(time.out, HasSubstr("batch 8"));
  }
}

TEST(PlotCommand, DrawsTheCeilingsWhereNothingFits) {
  const auto f =
      run_limen({"plot", "roofline", "--machine", "h100-8", "--model", "llama-3.1-405b"});
  EXPECT_EQ(f.code, 0);
  EXPECT_THAT(f.out, HasSubstr("of 1 cases do not fit"));
}

TEST(PlotCommand, DrawsMeasuredLayersWithoutAModel) {
  const auto f = run_limen({"plot", "roofline", "--machine", run + "/machine.toml", "--run", run});
  expect_drawn(f);
  EXPECT_THAT(f.out, HasSubstr("measured, int4"));
}

TEST(PlotCommand, DrawsWhatARunMeasuredAndTheLaws) {
  const auto memory = run_limen({"plot", "memory", run});
  expect_drawn(memory);
  EXPECT_THAT(memory.out, HasSubstr("read, 2 threads"));
  EXPECT_THAT(memory.out, HasSubstr("DRAM"));
  const auto all_reduce = run_limen({"plot", "all-reduce", run});
  expect_drawn(all_reduce);
  EXPECT_THAT(all_reduce.out, HasSubstr("ps/B"));
}

TEST(PlotCommand, WritesTheSameSvgTwice) {
  std::string drawn[2];
  for (auto& svg : drawn) {
    const std::string file = scratch("a.svg");
    const auto f = run_limen(
        {"plot", "time", "--machine", "h100-8", "--model", "llama-3.1-8b", "--svg", file});
    EXPECT_EQ(f.code, 0) << f.err;
    EXPECT_EQ(f.out, "");
    svg = content(file);
    std::filesystem::remove(file);
  }
  EXPECT_THAT(drawn[0], HasSubstr("<svg"));
  EXPECT_EQ(drawn[0], drawn[1]);
  const auto f =
      run_limen({"plot", "time", "--machine", "h100-8", "--model", "llama-3.1-8b", "--svg", "-"});
  EXPECT_EQ(f.out, drawn[0]);
}

TEST(PlotCommand, JsonIsWhatIsDrawn) {
  const auto f = run_limen({"plot", "pareto", "--machine", "h100-8", "--model", "llama-3.1-70b",
                            "--tp", "8", "--batch", "1,2,4", "--json"});
  ASSERT_EQ(f.code, 0) << f.err;
  const auto j = nlohmann::json::parse(f.out);
  EXPECT_EQ(j["x"]["unit"], "tokens/s");
  ASSERT_EQ(j["series"].size(), 1u);
  const auto& points = j["series"][0]["points"];
  ASSERT_EQ(points.size(), 3u);
  const auto p = run_limen({"predict", "--machine", "h100-8", "--model", "llama-3.1-70b", "--tp",
                            "8", "--batch", "1", "--json"});
  const auto predicted = nlohmann::json::parse(p.out)[0];
  EXPECT_DOUBLE_EQ(points[0]["x"], predicted["utps"]);
  EXPECT_DOUBLE_EQ(points[0]["y"], double(predicted["stps"]) / 8);
}

TEST(PlotCommand, ColourOnlyOnATerminalThatWantsIt) {
  const std::vector<std::string> arguments{"plot",   "time",    "--machine",
                                           "h100-8", "--model", "llama-3.1-8b"};
  setenv("TERM", "xterm-256color", 1);
  unsetenv("NO_COLOR");
  const std::string with = on_terminal(arguments);
  if (with.empty()) GTEST_SKIP() << "no pseudo-terminal here";
  EXPECT_THAT(with, HasSubstr("\x1b[38;5;"));
  setenv("NO_COLOR", "1", 1);
  EXPECT_THAT(on_terminal(arguments), Not(HasSubstr("\x1b")));
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  EXPECT_THAT(on_terminal(arguments), Not(HasSubstr("\x1b")));
}

TEST(PlotCommand, RefusesInOneLine) {
  const std::vector<std::pair<std::vector<std::string>, int>> cases = {
      {{"plot"}, 2},
      {{"plot", "pie"}, 2},
      {{"plot", "time", "--machine", "h100-8"}, 2},
      {{"plot", "memory"}, 2},
      {{"plot", "memory", run, "--svg", "-", "--json"}, 2},
      {{"plot", "all-reduce", "/nowhere"}, 2},
      {{"plot", "roofline", "--machine", "no-such-machine"}, 2},
      {{"plot", "roofline", "--machine", "h100-8,h100-sxm"}, 2},
      {{"plot", "roofline", "--machine", "h100-8", "--run", "/nowhere"}, 2},
      {{"plot", "time", "--machine", "h100-8", "--model", "llama-3.1-8b", "--by", "colour"}, 2},
      {{"plot", "time", "--machine", "h100-8", "--model", "llama-3.1-8b", "--batch", "0"}, 2},
      {{"plot", "time", "--machine", "h100-8", "--model", "llama-3.1-8b", "--batch", "nan"}, 2},
      {{"plot", "pareto", "--machine", "h100-8", "--model", "llama-3.1-8b", "--tp", "-1"}, 2},
      {{"plot", "time", "--machine", "h100-8", "--model", "llama-3.1-8b", "--svg", "/no/x.svg"}, 2},
      {{"plot", "roofline", "--machine", "h100-8", "--set", "memory.bandwidth=3"}, 2},
      {{"plot", "pareto", "--machine", "h100-8", "--model", "llama-3.1-405b", "--tp", "1"}, 1},
  };
  for (const auto& [arguments, code] : cases) {
    const auto f = run_limen(arguments);
    EXPECT_EQ(f.code, code) << arguments.back();
    EXPECT_EQ(f.lines_of_error(), 1) << f.err;
    EXPECT_EQ(f.out, "");
  }
}

TEST(PlotCommand, BarsSayWhatDoesNotFit) {
  const auto f = run_limen({"plot", "time", "--machine", "h100-8", "--model", "llama-3.1-405b"});
  expect_drawn(f);
  EXPECT_THAT(f.out, HasSubstr("does not fit: needs"));
}

}  // namespace
}  // namespace limen::tests
