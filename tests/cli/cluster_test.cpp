// The commands for clusters, without one: what `limen slurm` prints and refuses, and a report of
// several hosts.
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

TEST(Slurm, PrintsAScriptThatBashTakes) {
  const Folder folder;
  const auto r =
      run_limen({"slurm", "--nodes", "4", "--gpus", "8", "--ranks-per-node", "2", "--partition",
                 "big", "--account", "a.b-1", "--time", "90min", "--grace", "3min", "--budget",
                 "5min", "--limen", "/opt/it's here/limen"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.err, "");
  EXPECT_EQ(r.out.rfind("#!/bin/bash\n", 0), 0u);
  for (const char* directive :
       {"nodes=4", "ntasks-per-node=2", "exclusive", "gpus-per-node=8", "partition=big",
        "account=a.b-1", "time=90", "signal=B:TERM@180", "requeue", "open-mode=append"})
    EXPECT_THAT(r.out, HasSubstr(std::string("\n#SBATCH --") + directive + "\n"));
  EXPECT_THAT(r.out, HasSubstr("options=( --budget '5min')"));
  // The name of the program survives the shell, whatever it holds.
  const auto line = r.out.substr(r.out.find("\nlimen='") + 1);
  spill(folder / "name.sh", line.substr(0, line.find('\n') + 1) + "printf %s \"$limen\"\n");
  EXPECT_EQ(run_program("/bin/bash", {"bash", (folder / "name.sh").string()}).out,
            "/opt/it's here/limen");
  spill(folder / "job.sh", r.out);
  const auto checked = run_program("/bin/bash", {"bash", "-n", (folder / "job.sh").string()});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_EQ(json::parse(run_limen({"slurm", "--json"}).out).at("script"), run_limen({"slurm"}).out);
}

TEST(Slurm, EveryGpuHasARankForTheCollectives) {
  EXPECT_THAT(run_limen({"slurm", "--nodes", "2", "--gpus", "8"}).out,
              testing::AllOf(HasSubstr("#SBATCH --ntasks-per-node=8\n"),
                             HasSubstr("\nranks_per_node=8\n")));
  EXPECT_THAT(run_limen({"slurm", "--nodes", "2"}).out, HasSubstr("#SBATCH --ntasks-per-node=1\n"));
}

TEST(Slurm, AnArrayIsOfSingleNodes) {
  const auto r = run_limen({"slurm", "--array", "16"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_THAT(r.out, HasSubstr("\n#SBATCH --array=0-15\n"));
  EXPECT_THAT(r.out, HasSubstr("\n#SBATCH --nodes=1\n"));
  EXPECT_THAT(r.out, HasSubstr("limen-$SLURM_ARRAY_JOB_ID"));
  EXPECT_EQ(run_limen({"slurm", "--array", "2", "--nodes", "2"}).code, 2);
}

TEST(Slurm, RefusesBadInputInOneLine) {
  for (const auto& bad :
       std::vector<std::vector<std::string>>{{"--nodes", "0"},
                                             {"--nodes", "-1"},
                                             {"--nodes", "x"},
                                             {"--nodes", "99999999999"},
                                             {"--gpus", "-1"},
                                             {"--array", "-3"},
                                             {"--ranks-per-node", "0"},
                                             {"--time", "30"},
                                             {"--time", "nan"},
                                             {"--time", "-5min"},
                                             {"--time", "1e99h"},
                                             {"--time", "2min"},
                                             {"--grace", "0s"},
                                             {"--grace", "40h"},
                                             {"--budget", "5"},
                                             {"--partition", "a b"},
                                             {"--partition", "a\n#SBATCH --nodes=9"},
                                             {"--account", "$(reboot)"},
                                             {"extra"}}) {
    std::vector<std::string> arguments{"slurm"};
    arguments.insert(arguments.end(), bad.begin(), bad.end());
    const auto r = run_limen(arguments);
    EXPECT_EQ(r.code, 2) << bad.back();
    EXPECT_EQ(r.out, "") << bad.back();
    EXPECT_THAT(r.err, HasSubstr("limen: ")) << bad.back();
  }
}

class Report : public testing::Test {
 protected:
  // The recorded run, as if of another host or job.
  std::string recorded(const std::string& name, const json& facts) {
    fs::copy(fs::path(LIMEN_SOURCE_DIR) / "results/data/epyc-2core-quick", folder_ / name);
    auto file = json::parse(slurp(folder_ / name / "run.json"));
    file["provenance"].update(facts);
    spill(folder_ / name / "run.json", file.dump());
    return (folder_ / name).string();
  }
  const Folder folder_;
};

TEST_F(Report, OfSeveralHosts) {
  const auto one = recorded("one", {{"host", "n1"}}),
             two = recorded("two", {{"host", "n2"}, {"hosts", 4}, {"ranks", 8}});
  const auto page = (folder_ / "report.html").string(), card = (folder_ / "machine.toml").string();
  const auto r = run_limen({"report", one, two, "--name", "cluster", "-o", page});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_THAT(r.err, HasSubstr("different hosts: n1, n2"));
  EXPECT_THAT(slurp(page), AllOf(HasSubstr("n1"), HasSubstr("n2")));
  ASSERT_EQ(run_limen({"calibrate", one, two, "--name", "cluster", "-o", card}).code, 0);
  const auto machine = slurp(card);  // of the largest job
  EXPECT_THAT(machine, HasSubstr("devices = 4"));
  EXPECT_THAT(machine, HasSubstr("ranks_per_device = 2"));
}

TEST_F(Report, TakesTheMachineThatWasFittedBefore) {
  const auto one = recorded("one", {{"host", "n1"}}), card = (folder_ / "machine.toml").string();
  ASSERT_EQ(run_limen({"calibrate", one, "-o", card}).code, 0);
  const auto again = run_limen({"report", one, "--json"}),
             before = run_limen({"report", one, "--calibrated", card, "--json"});
  ASSERT_EQ(before.code, 0) << before.err;
  EXPECT_EQ(before.err, "") << "nothing is fitted";
  const json now = json::parse(again.out), then = json::parse(before.out);
  for (const char* key : {"runs", "machines", "tables"})
    EXPECT_EQ(then.at(key).size(), now.at(key).size()) << key;
  EXPECT_EQ(then.at("origin"), now.at("origin"));
  EXPECT_EQ(run_limen({"report", "--calibrated", card, "--json"}).code, 2);
  EXPECT_EQ(run_limen({"report", one, "--calibrated", card, "--no-calibration", "--json"}).code, 2);
  EXPECT_EQ(run_limen({"report", one, "--calibrated", "none.toml", "--json"}).code, 2);
}

TEST_F(Report, RefusesToPredictWithoutMemory) {
  const auto one = recorded("one", json::object());
  std::string collectives;  // only what was between ranks
  std::istringstream in(slurp(folder_ / "one" / "samples.jsonl"));
  for (std::string line; std::getline(in, line);)
    if (line.find("\"mpi.") != std::string::npos) collectives += line + "\n";
  spill(folder_ / "one" / "samples.jsonl", collectives);
  const auto page = (folder_ / "report.html").string();
  const auto r = run_limen({"report", one, "-o", page});
  EXPECT_EQ(r.code, 1);
  EXPECT_THAT(r.err, HasSubstr("memory was not measured"));
  EXPECT_FALSE(fs::exists(page));
  EXPECT_EQ(run_limen({"report", one, "-o", page, "--no-calibration"}).code, 0);
}

}  // namespace
}  // namespace limen::tests
