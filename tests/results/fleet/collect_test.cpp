// Node results as files: damaged ones, many writers at once, a fleet against an earlier one, and
// the command.
#include "results/fleet/collect.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <csignal>

#include "model/error.hpp"
#include "report/fleet_map.hpp"
#include "results/fleet/fleet_file.hpp"
#include "tests/cli/command.hpp"
#include "tests/results/fleet/made_fleet.hpp"

namespace limen::results::fleet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using tests::Fault;
using tests::Folder;
using tests::MadeNode;
using tests::make_node;
using tests::run_limen;
using tests::slurp;
using tests::spill;

// Racks of 8, a folder a rack. `change` alters nodes.
template <class F>
void make_fleet(const fs::path& top, int nodes, F&& change) {
  for (int i = 1; i <= nodes; ++i) {
    MadeNode node;
    const int rack = (i - 1) / 8 + 1;
    node.host = fmt::format("r{}n{}", rack, (i - 1) % 8 + 1);
    change(i, node);
    make_node(top / fmt::format("rack{}", rack) / node.host, node);
  }
}
void make_fleet(const fs::path& top, int nodes) {
  make_fleet(top, nodes, [](int, MadeNode&) {});
}

TEST(Collect, DamagedResultsAreNamedAndNothingElseIsLost) {
  const Folder folder;
  make_fleet(folder.path(), 24);
  const auto damage = [&](const char* node, const char* file, const std::string& text) {
    spill(folder.path() / node / file, text);
  };
  const std::string good = slurp(folder / "rack1/r1n1/samples.jsonl");
  damage("rack1/r1n1", "samples.jsonl", good.substr(0, good.size() - 40));  // cut off: usable
  damage("rack1/r1n2", "samples.jsonl", "{\"probe\": 3}\n" + good);
  damage("rack1/r1n3", "samples.jsonl", "");
  damage("rack1/r1n4", "run.json", "{\"schema\": 1, \"prov");
  damage("rack1/r1n5", "run.json", "{\"schema\": 99, \"provenance\": {}}");
  fs::remove(folder / "rack1/r1n6/run.json");
  fs::remove(folder / "rack1/r1n7/samples.jsonl");
  fs::create_directory(folder / "rack1/empty");
  fs::create_directory_symlink(folder.path(), folder / "rack1/ring");  // seen once, not for ever
  const Collected all = collect({folder.path(), folder / "rack2"}, 3);
  EXPECT_EQ(all.runs, 18u);
  EXPECT_EQ(all.fleet.nodes(), 18u);
  std::string left, remarks;
  for (const Left& l : all.left_out) left += l.path + ": " + l.why + "\n";
  for (const Left& l : all.remarks) remarks += l.path + ": " + l.why + "\n";
  EXPECT_EQ(all.left_out.size(), 6u) << left;
  for (const char* node : {"r1n2", "r1n3", "r1n4", "r1n5", "r1n6", "r1n7"})
    EXPECT_THAT(left, HasSubstr(std::string("rack1/") + node));
  EXPECT_THAT(left, HasSubstr("schema version 99"));
  EXPECT_THAT(left, HasSubstr("samples.jsonl:1"));
  EXPECT_THAT(remarks, HasSubstr("r1n1/samples.jsonl:75: the last line was cut off"));
  EXPECT_THROW(collect({folder / "nowhere"}), Error);
}

TEST(Collect, TheNumberOfThreadsDoesNotMatter) {
  const Folder folder;
  make_fleet(folder.path(), 40);
  const std::string one = to_json(merged(collect({folder.path()}, 1)));
  EXPECT_EQ(to_json(merged(collect({folder.path()}, 7))), one);
}

// Many processes want the same name in one folder, as nodes of a job that start within a second
// do. Half of them are killed when they have written.
TEST(Writers, ManyAtOnceLoseNothing) {
  constexpr int writers = 64, lines = 25;
  const Folder folder;
  const fs::path shared = folder / "shared/deep";
  std::vector<pid_t> children;
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  for (int w = 0; w < writers; ++w) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(gate[1]);
      char go;
      if (read(gate[0], &go, 1) != 0) _exit(3);  // until all are there
      try {
        Provenance p;
        p.host = fmt::format("n{}", w);
        RunWriter writer = RunWriter::create_in(shared, "2026-11-24T09:00:00Z-host", p);
        for (int i = 0; i < lines; ++i)
          writer.visit("x", {{"i", std::int64_t{i}}}, {}, {0.5, 1, {1e-6 * (w + 1)}, {}});
        if (w % 2 == 1) raise(SIGKILL);
        p.finished = "2026-11-24T09:00:01Z";
        writer.finish(p);
      } catch (const std::exception& e) {
        fmt::print(stderr, "{}\n", e.what());
        _exit(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  close(gate[0]);
  close(gate[1]);
  for (int w = 0; w < writers; ++w) {
    int status = 0;
    waitpid(children[static_cast<std::size_t>(w)], &status, 0);
    if (w % 2 == 0) {
      EXPECT_EQ(status, 0) << w;
    }
  }
  const Collected all = collect({folder.path()});
  EXPECT_EQ(all.runs, static_cast<std::size_t>(writers));
  EXPECT_TRUE(all.left_out.empty());
  EXPECT_EQ(all.remarks.size(), static_cast<std::size_t>(writers / 2));
  ASSERT_EQ(all.fleet.groups.size(), 1u);
  const Group& group = all.fleet.groups[0];
  ASSERT_EQ(group.figures.size(), static_cast<std::size_t>(lines));
  for (const auto& values : group.values)
    for (std::size_t w = 0; w < values.size(); ++w)
      EXPECT_DOUBLE_EQ(values[w], 1e-6 * static_cast<double>(w + 1));
  for (const auto& entry : fs::recursive_directory_iterator(shared))
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".new")));
}

// The same with the program itself.
TEST(Writers, ProbesThatStartAtOnceGetAFolderEach) {
  const Folder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = fork();
    if (child == 0)
      _exit(
          run_limen({"probe", "sync.barrier", "--quick", "--verify"}, folder.path().string()).code);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  std::size_t runs = 0;
  for (const auto& entry : fs::directory_iterator(folder / "runs")) {
    EXPECT_NO_THROW(load_run(entry.path()));
    ++runs;
  }
  EXPECT_EQ(runs, 6u);
}

TEST(WriteFile, ReplacesAsAWholeAndWritesToWhatIsNoFile) {
  const Folder folder;
  write_file(folder / "a", "old");
  spill(folder / fmt::format("a.new-{}-0", getpid()), "left by a killed process of this number");
  write_file(folder / "a", "new");
  EXPECT_EQ(slurp(folder / "a"), "new");
  write_file("/dev/null", "text");
  EXPECT_FALSE(fs::is_regular_file("/dev/null"));
  EXPECT_THROW(write_file(folder / "no/such/folder", "x"), Error);
  EXPECT_THROW(write_file("/dev/full", "x"), Error);
}

Fleet fleet_of(const Folder& folder, const char* name, int nodes, double memory, int broken) {
  make_fleet(folder / name, nodes, [&](int i, MadeNode& node) {
    node.seed = std::hash<std::string>{}(name);
    node.among_nodes = 0.005;
    if (memory != 1) node.fault = Fault::channel, node.size = memory;
    if (i == broken) node.fault = Fault::clock, node.size = 0.8;
  });
  return collect({folder / name}).fleet;
}

TEST(FleetDrift, WhatChangedIsFoundAndWhatDidNotIsNot) {
  const Folder folder;
  const Fleet then = fleet_of(folder, "then", 60, 1, 0);
  const Fleet slower = fleet_of(folder, "slower", 60, 0.98, 17);
  const Drift changed = drift(slower, then);
  ASSERT_EQ(changed.groups.size(), 1u);
  int memory = 0;
  for (const FigureDrift& f : changed.groups[0].figures) {
    EXPECT_EQ(f.n, 60u);
    if (f.figure.part == Part::memory) {
      ++memory;
      EXPECT_TRUE(f.significant());
      EXPECT_FALSE(f.better());
      EXPECT_LT(f.interval.low, 0.98);
      EXPECT_GT(f.interval.high, 0.98);
    } else {
      EXPECT_FALSE(f.significant()) << describe(f.figure) << " " << f.holm_p;
    }
  }
  EXPECT_EQ(memory, 4);
  const GroupDrift& g = changed.groups[0];
  ASSERT_EQ(g.hosts.outliers.size(), 1u);  // and not the 59 that changed with all others
  EXPECT_EQ(g.ratios.nodes[g.hosts.outliers[0].node].host, "r3n1");
  EXPECT_EQ(g.hosts.outliers[0].suspect, Suspect::clock);
}

TEST(FleetDrift, HostsThatCameAndWentAndChangedTheirHardware) {
  const Folder folder;
  make_fleet(folder / "a", 16);
  make_fleet(folder / "b", 20, [](int i, MadeNode& node) {
    if (i == 1) node.host = "new1";
    if (i == 2) node.cpu = "another";
  });
  const Drift d = drift(collect({folder / "b"}).fleet, collect({folder / "a"}).fleet);
  EXPECT_THAT(d.gone, testing::ElementsAre("r1n1"));
  EXPECT_THAT(d.added, testing::ElementsAre("new1", "r3n1", "r3n2", "r3n3", "r3n4"));
  EXPECT_THAT(d.other_hardware, testing::ElementsAre("r1n2"));
  EXPECT_EQ(d.groups.at(0).ratios.nodes.size(), 14u);
}

TEST(FleetDrift, SignTest) {
  EXPECT_DOUBLE_EQ(sign_test(5, 10), 1);
  EXPECT_NEAR(sign_test(1, 10), 2 * 11.0 / 1024, 1e-12);
  EXPECT_NEAR(sign_test(9, 10), 2 * 11.0 / 1024, 1e-12);
  EXPECT_DOUBLE_EQ(sign_test(0, 0), 1);
  EXPECT_LT(sign_test(0, 10000), 1e-300);
}

TEST(FleetFile, ReadsBackWhatItWrote) {
  const Folder folder;
  make_fleet(folder / "a", 12, [](int i, MadeNode& node) {
    if (i > 8) node.gpu = "H100";
  });
  const Merged fleet = merged(collect({folder / "a"}));
  const Fleet back = read_fleet(to_json(fleet), "f");
  const Fleet& was = fleet.collected.fleet;
  ASSERT_EQ(back.groups.size(), 2u);
  for (std::size_t g = 0; g < 2; ++g) {
    EXPECT_EQ(back.groups[g].name(), was.groups[g].name());
    EXPECT_EQ(back.groups[g].figures, was.groups[g].figures);
    EXPECT_EQ(back.groups[g].values, was.groups[g].values);
    for (std::size_t f = 0; f < was.groups[g].figures.size(); ++f)
      EXPECT_EQ(back.groups[g].figures[f].part, was.groups[g].figures[f].part);
  }
  for (const char* bad : {"", "{}", "[]", "{\"fleet\":2,\"groups\":[]}", "{\"fleet\":1}",
                          "{\"fleet\":1,\"groups\":[{\"cpu\":\"\",\"gpu\":\"\",\"nodes\":[],"
                          "\"figures\":[{\"probe\":\"x\",\"parameters\":{},\"unit\":\"m\"}]}]}"})
    EXPECT_THROW(read_fleet(bad, "f"), Error) << bad;
}

TEST(FleetCommand, SaysWhatIsWrongAsTextJsonCsvAndMap) {
  const Folder folder;
  make_fleet(folder / "old", 24);
  make_fleet(folder / "new", 24, [](int i, MadeNode& node) {
    node.seed = 2;
    if (i == 12) node.fault = Fault::channel, node.size = 0.75;
  });
  fs::create_directories(folder / "new/rack1/half");
  spill(folder / "new/rack1/half/samples.jsonl", "");
  const std::string at = folder.path().string();
  ASSERT_EQ(run_limen({"fleet", "old", "--json", "-o", "old.json"}, at).code, 0);

  const auto text = run_limen({"fleet", "new", "--against", "old.json", "--svg", "map.svg"}, at);
  EXPECT_EQ(text.code, 1) << text.err;  // of one result nothing could be used
  EXPECT_THAT(text.err, HasSubstr("left out: new/rack1/half: no run.json"));
  EXPECT_THAT(text.out, HasSubstr("24 nodes"));
  EXPECT_THAT(text.out, HasSubstr("Outliers: 1 (beyond z "));
  EXPECT_THAT(text.out, HasSubstr("memory channel missing"));
  EXPECT_THAT(text.out, HasSubstr("  r1  ........\n  r2  ...M....\n  r3  ........\n"));
  EXPECT_THAT(text.out, HasSubstr("Hosts that changed otherwise than the rest: 1\n"));
  EXPECT_THAT(text.out, Not(HasSubstr("\x1b")));
  const std::string svg = slurp(folder / "map.svg");
  EXPECT_THAT(svg, HasSubstr("<title>r2n4: memory channel missing: "));

  const auto json = run_limen({"fleet", "new", "--json"}, at);
  const auto root = nlohmann::json::parse(json.out);
  EXPECT_EQ(root["groups"][0]["outliers"][0]["host"], "r2n4");
  EXPECT_EQ(root["left_out"].size(), 1u);
  EXPECT_EQ(root["groups"][0]["figures"][0]["values"].size(), 24u);

  const auto csv = run_limen({"fleet", "new", "--csv", "--svg", "again.svg"}, at);
  EXPECT_EQ(std::count(csv.out.begin(), csv.out.end(), '\n'),
            1 + 24 * static_cast<long>(tests::made_cases().size()));
  EXPECT_EQ(slurp(folder / "again.svg"), svg);
}

TEST(FleetCommand, BadInput) {
  const Folder folder;
  const std::string at = folder.path().string();
  make_fleet(folder / "a", 2);
  fs::create_directory(folder / "none");
  spill(folder / "bad.json", "{");
  for (const auto& [arguments, code, says] :
       {std::tuple{std::vector<std::string>{"fleet"}, 2, "RESULTS"},
        {{"fleet", "nowhere"}, 2, "nowhere: no such folder"},
        {{"fleet", "none"}, 77, "no result of a node"},
        {{"fleet", "a", "--against", "nowhere.json"}, 2, "cannot be read"},
        {{"fleet", "a", "--against", "bad.json"}, 2, "bad.json:1:2"},
        {{"fleet", "a", "--json", "--csv"}, 2, "csv"},
        {{"fleet", "a", "--threads", "0"}, 2, "threads"},
        {{"fleet", "a", "-o", "no/folder/x"}, 2, "cannot be created"}}) {
    const auto end = run_limen(arguments, at);
    EXPECT_EQ(end.code, code) << end.err;
    EXPECT_THAT(end.err, HasSubstr(says));
    EXPECT_TRUE(end.out.empty()) << end.out;
  }
}

// `script` gives the program a terminal.
TEST(FleetCommand, ColoursOnATerminalAloneAndNotWithNoColor) {
  if (!fs::exists("/usr/bin/script")) GTEST_SKIP() << "no script(1) here";
  const Folder folder;
  make_fleet(folder / "a", 9);
  const auto on_terminal = [&](const std::string& environment) {
    return tests::run_program("/usr/bin/script",
                              {"script", "-qec",
                               "env " + environment + " " LIMEN_EXECUTABLE " fleet a", "/dev/null"},
                              folder.path().string())
        .out;
  };
  EXPECT_THAT(on_terminal("-u NO_COLOR"), HasSubstr("\x1b[32m........"));
  EXPECT_THAT(on_terminal("NO_COLOR=1"), Not(HasSubstr("\x1b[")));
}

}  // namespace
}  // namespace limen::results::fleet
