// limen list, show, compare, export and calibrate as a user runs them.
#include <gmock/gmock.h>

#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/calibration/made_machine.hpp"
#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A run on disk: memory, a peak and an all-reduce, `slowness` times the usual.
std::string write_run(const Folder& folder, const std::string& name, double slowness,
                      std::uint64_t seed) {
  MadeRun made({.drift = 0.005, .scatter = 0.01, .visits = 8, .samples = 5, .seed = seed});
  MadeMachine machine;
  machine.bandwidth /= slowness;
  made.add_memory(machine);
  made.add_peaks(machine);
  made.add_sync(machine);
  results::RunWriter w = results::RunWriter::create(folder / name, made.run.provenance);
  for (const auto& m : made.run.measurements) {
    for (const auto& v : std::get<results::Samples>(m.outcome).visits)
      w.visit(m.probe, m.parameters, m.work, v);
    w.verdict(m.probe, m.parameters, m.work, results::Samples{{}, "settled"});
  }
  w.verdict("gpu", {}, {}, results::Skipped{"no such device"});
  return (folder / name).string();
}

TEST(Commands, ListShowsRunsAndNamesBrokenOnes) {
  const Folder folder;
  write_run(folder, "a", 1, 1);
  const Finished good = run_limen({"list", folder.path().string()});
  EXPECT_EQ(good.code, 0);
  EXPECT_THAT(good.out, AllOf(HasSubstr("made up"), HasSubstr("unfinished")));
  EXPECT_EQ(json::parse(run_limen({"list", folder.path().string(), "--json"}).out).size(), 1u);
  spill(folder / "a/run.json", "{}");
  const Finished bad = run_limen({"list", folder.path().string()});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.err, HasSubstr("'schema' is missing"));
  EXPECT_EQ(run_limen({"list", (folder / "none").string()}).code, 2);
}

TEST(Commands, ShowPrintsFactsAndRates) {
  const Folder folder;
  const std::string run = write_run(folder, "a", 1, 1);
  const Finished shown = run_limen({"show", run});
  EXPECT_EQ(shown.code, 0);
  EXPECT_THAT(shown.err, IsEmpty());
  EXPECT_THAT(shown.out,
              AllOf(HasSubstr("cpu        made up"), HasSubstr(" GB/s"), HasSubstr(" GFLOP/s"),
                    HasSubstr(" ns"), HasSubstr("settled"), HasSubstr("skipped: no such device")));
  const json one = json::parse(run_limen({"show", run, "--json", "--probe", "compute.fma"}).out);
  ASSERT_EQ(one["measurements"].size(), 2u);
  EXPECT_NEAR(one["measurements"][0]["flops_per_second"].get<double>() / 500e9, 1, 0.02);
  EXPECT_EQ(one["provenance"]["host"], "made");
  const Finished unknown = run_limen({"show", run, "--probe", "nothing"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("has no probe 'nothing'"));
}

TEST(Commands, CompareFindsWhatIsSlowerAndNothingElse) {
  const Folder folder;
  const std::string a = write_run(folder, "a", 1, 1), b = write_run(folder, "b", 1.3, 2);
  const Finished compared = run_limen({"compare", a, b, "--json"});
  EXPECT_EQ(compared.code, 0);
  int slower = 0, other = 0;
  for (const json& pair : json::parse(compared.out)) {
    const bool memory =
        pair["probe"] == "memory.stream" && pair["parameters"]["bytes"] > 40'000'000;
    (memory ? slower : other) += pair["verdict"] == (memory ? "slower" : "faster") ||
                                 (!memory && pair["verdict"] == "slower");
    EXPECT_GE(pair["p_holm"], pair["p"]);
  }
  EXPECT_EQ(slower, 5);
  EXPECT_LE(other, 1);
  EXPECT_THAT(run_limen({"compare", a, b}).out, AllOf(HasSubstr("p (Holm)"), HasSubstr("slower")));
}

TEST(Commands, ExportTakesExactlyOneForm) {
  const Folder folder;
  const std::string run = write_run(folder, "a", 1, 1);
  EXPECT_EQ(run_limen({"export", run}).code, 2);
  EXPECT_EQ(run_limen({"export", run, "--csv", "--osu"}).code, 2);
  const Finished unwritable = run_limen({"export", run, "--csv", "-o", "/nowhere/at/all"});
  EXPECT_EQ(unwritable.code, 2);
  EXPECT_THAT(unwritable.err, HasSubstr("/nowhere/at/all: cannot be written"));
  EXPECT_THAT(run_limen({"export", run, "--osu"}).out, HasSubstr("# Size"));
}

TEST(Commands, GoogleBenchmarksCompareReadsTheExport) {
  const std::string script = "/usr/share/benchmark/compare.py";
  if (!std::filesystem::exists(script))
    GTEST_SKIP() << "no " << script << " (Debian: libbenchmark-tools)";
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import scipy' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no scipy (Debian: python3-scipy)";
  const Folder folder;
  for (const auto& [name, slowness] : {std::pair{"a", 1.0}, {"b", 1.3}})
    run_limen({"export", write_run(folder, name, slowness, 1), "--gbench", "-o",
               (folder / (std::string(name) + ".json")).string()});
  const std::string out = (folder / "out").string();
  const int code =
      std::system(fmt::format("cd {} && {} {} --no-color benchmarks a.json b.json > out 2>&1",
                              folder.path().string(), python, script)
                      .c_str());
  EXPECT_EQ(code, 0) << slurp(out);
  EXPECT_THAT(slurp(out), AllOf(HasSubstr("memory.stream/bytes:536870912/kernel:read/threads:2"),
                                HasSubstr("_pvalue"), HasSubstr("U Test, Repetitions: 40 vs 40")));
}

TEST(Commands, CalibrateWritesAMachineAndSaysHowWellItFits) {
  const Folder folder;
  const std::string run = write_run(folder, "a", 1, 1), file = (folder / "machine.toml").string();
  const Finished done = run_limen({"calibrate", run, "-o", file, "--name", "mine"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, IsEmpty());
  EXPECT_THAT(done.err, AllOf(HasSubstr("held-out error"), HasSubstr("sync.all_reduce of 2 ranks"),
                              HasSubstr("not identified: linear.int4")));
  EXPECT_THAT(slurp(file), AllOf(HasSubstr("mine"), HasSubstr("source = 'run a'")));
  const json fit = json::parse(run_limen({"calibrate", run, "--json"}).out);
  EXPECT_TRUE(fit["parameters"].contains("memory.bandwidth"));
  EXPECT_FALSE(fit["unidentified"].empty());
  EXPECT_THAT(run_limen({"calibrate", run}).out, HasSubstr("schema = 1"));
  const Finished unwritable = run_limen({"calibrate", run, "-o", "/nowhere/machine.toml"});
  EXPECT_EQ(unwritable.code, 2);
  EXPECT_THAT(unwritable.err, HasSubstr("/nowhere/machine.toml: cannot be written"));
  EXPECT_EQ(run_limen({"calibrate", (folder / "none").string()}).code, 2);
  EXPECT_EQ(run_limen({"calibrate"}).code, 2);
}

}  // namespace
}  // namespace limen::tests
