// limen import as a user runs it, and what the other commands make of the run.
#include <gmock/gmock.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "calibration/calibrate.hpp"
#include "results/export.hpp"
#include "tests/calibration/import/imported.hpp"
#include "tests/calibration/made_machine.hpp"
#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using calibration::importing::import_files;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::size_t entries_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(Import, MakesARunThatTheOtherCommandsTake) {
  const Folder folder;
  std::vector<std::string> import{
      "import", "--ranks", "4", "--machine-name", "made", "-o", (folder / "run").string()};
  for (const Sample& s : all_samples()) {
    spill(folder / s.file, s.text);
    import.push_back((folder / s.file).string());
  }
  const Finished done = run_limen(import);
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, (folder / "run").string() + "\n");
  const std::string run = (folder / "run").string();
  EXPECT_THAT(run_limen({"list", folder.path().string()}).out,
              AllOf(HasSubstr("imported"), HasSubstr("made")));
  EXPECT_THAT(run_limen({"show", run}).out,
              AllOf(HasSubstr("imported   gbench.json ("), HasSubstr("engine.decode"),
                    Not(HasSubstr("hypervisor"))));
  EXPECT_EQ(run_limen({"compare", run, run}).code, 0);
  for (const char* form : {"--gbench", "--csv", "--stream", "--osu", "--nccl-tests"})
    EXPECT_EQ(run_limen({"export", run, form}).code, 0) << form;
  const Finished fitted = run_limen({"calibrate", run, "--json"});
  EXPECT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_TRUE(json::parse(fitted.out)["parameters"].contains("memory.bandwidth"));
}

TEST(Import, SaysWhereItComesFromAndNothingOfThisHost) {
  const Folder folder;
  spill(folder / "a.txt", made_osu_latency);
  for (const char* run : {"one", "two"})
    ASSERT_EQ(
        run_limen({"import", (folder / "a.txt").string(), "-o", (folder / run).string()}).code, 0);
  const json facts = json::parse(slurp(folder / "one/run.json"))["provenance"];
  const json expected{{"file", "a.txt"},
                      {"hash", facts["imported"][0]["hash"]},
                      {"tool", "osu"},
                      {"version", "7.4"},
                      {"device", ""}};
  EXPECT_EQ(facts["imported"][0], expected);
  for (const char* ours :
       {"host", "os", "kernel", "cpu_model", "compiler", "simd_target", "started"})
    EXPECT_EQ(facts[ours], "") << ours;
  EXPECT_EQ(facts["memory_bytes"], 0);
  EXPECT_TRUE(facts["arguments"].empty() && facts["processing_units"].empty());
  EXPECT_FALSE(facts["version"].get<std::string>().empty());  // of the limen that imported
  EXPECT_EQ(slurp(folder / "one/run.json"), slurp(folder / "two/run.json"));
  EXPECT_EQ(slurp(folder / "one/samples.jsonl"), slurp(folder / "two/samples.jsonl"));
  EXPECT_EQ(slurp(folder / "one/run.json").find(folder.path().string()), std::string::npos);
}

TEST(Import, LeavesNothingBehindWhenItFails) {
  const Folder folder;
  spill(folder / "good.txt", made_osu_latency);
  spill(folder / "bad.txt", replaced(made_osu_full, "400.00", "nan"));
  spill(folder / "copy.txt", made_osu_latency);
  std::filesystem::create_directory(folder / "taken");
  const std::string good = (folder / "good.txt").string(), out = (folder / "run").string();
  const auto fails = [&](std::vector<std::string> arguments, const std::string& says) {
    arguments.insert(arguments.begin(), "import");
    const Finished done = run_limen(arguments);
    EXPECT_EQ(done.code, 2) << says;
    EXPECT_EQ(done.lines_of_error(), 1) << done.err;
    EXPECT_THAT(done.err, HasSubstr(says));
    EXPECT_THAT(done.out, IsEmpty());
    EXPECT_EQ(entries_in(folder.path()), 4u) << says;
  };
  fails({good, (folder / "bad.txt").string(), "-o", out, "--ranks", "2"}, "bad.txt:5:");
  fails({good, (folder / "copy.txt").string(), "-o", out}, "the same as a file before");
  fails({good, "-o", (folder / "taken").string()}, "exists already");
  fails({good, "-o", (folder / "bad.txt/run").string()}, "bad.txt/run");
  fails({(folder / "none").string(), "-o", out}, "no such file");
  fails({folder.path().string(), "-o", out}, "a folder; name the files");
  fails({good, "--as", "osv", "-o", out}, "no format 'osv' to import; known: gbench, ");
  fails({good, "--as", "llama-bench", "-o", out}, "holds no test");
  fails({good, "--ranks", "0", "-o", out}, "--ranks");
  fails({good}, "-o");
  fails({"-o", out}, "name a file");
  spill(folder / "bad.txt", made_osu_full);
  fails({(folder / "bad.txt").string(), "-o", out}, "give it with --ranks");
}

TEST(Import, TwoHostsAreTwoMachines) {
  const Folder folder;
  spill(folder / "a.json", made_gbench);
  spill(folder / "b.json", replaced(made_gbench, "made-host", "other-host"));
  calibration::importing::Request request;
  for (const char* name : {"a.json", "b.json"}) request.files.push_back((folder / name).string());
  EXPECT_THROW(import_files(request), Error);
  request.machine = "both";
  const results::Run run = import_files(request);
  EXPECT_EQ(run.provenance.host, "both");
  EXPECT_EQ(samples_of(run, "gbench.BM_made bytes=4096").visits.size(), 2u);
}

// alpha 10 us, beta 10 ps/B: what the fit has to find in the rows.
std::string all_reduce_rows(bool nccl) {
  std::string text = nccl ? made_nccl.substr(0, made_nccl.find("        1024 "))
                          : made_osu_full.substr(0, made_osu_full.find("# Size")) +
                                "# Size       Avg Latency(us)\n";
  for (std::int64_t bytes = 1024; bytes <= 1 << 26; bytes *= 4) {
    const double us = 10 + 1e-5 * static_cast<double>(bytes),
                 rate = static_cast<double>(bytes) / us / 1e3;
    char row[200];
    if (nccl) {
      std::snprintf(row, sizeof row, "%12ld %12ld float sum -1 %.3f %.4f %.4f 0 %.3f %.4f %.4f 0\n",
                    static_cast<long>(bytes), static_cast<long>(bytes / 4), us, rate, rate * 1.5,
                    2 * us, rate / 2, rate * 0.75);
    } else {
      std::snprintf(row, sizeof row, "%-10ld%20.3f\n", static_cast<long>(bytes), us);
    }
    text += row;
  }
  return text;
}

TEST(Import, CalibrationFindsTheLawsInImportedRows) {
  for (const bool nccl : {true, false}) {
    const auto c = calibration::calibrate({imported(all_reduce_rows(nccl))}, "made");
    ASSERT_EQ(c.machine.all_reduce.size(), 1u) << nccl;
    EXPECT_EQ(c.machine.all_reduce[0].ranks, 4);
    EXPECT_NEAR(c.machine.all_reduce[0].alpha.value.in(model::seconds), 10e-6, 0.1e-6);
    EXPECT_NEAR(c.machine.all_reduce[0].beta.value.in(model::seconds_per_byte), 10e-12, 0.1e-12);
  }
  const auto memory = calibration::calibrate({imported(made_babelstream)}, "made");
  ASSERT_TRUE(memory.machine.memory_bandwidth);
  EXPECT_NEAR(
      memory.machine.memory_bandwidth->value.in(model::bytes_per_second) / (536870912 / 1.05e-3), 1,
      1e-9);
  EXPECT_EQ(memory.machine.description, "CUDA device Made GPU");
}

// What limen measured, exported in another tool's form and imported again.
TEST(Import, ExportsComeBack) {
  MadeRun made({.drift = 0.01, .scatter = 0.02, .visits = 3, .samples = 5});
  made.add_all(MadeMachine{});
  made.run.provenance.version = "1.2.3";
  const results::Run gbench = imported(results::to_gbench(made.run));
  ASSERT_EQ(gbench.measurements.size(), made.run.measurements.size());
  for (const auto& m : made.run.measurements) {
    const double median = median_of(made.run, name_of(m));
    EXPECT_NEAR(median_of(gbench, name_of(m)) / median, 1, 1e-12) << name_of(m);
    const auto& work = case_of(gbench, name_of(m)).work;
    EXPECT_NEAR(work.moved().in(model::bytes), m.work.moved().in(model::bytes), 0.5);
    EXPECT_NEAR(work.flops.in(model::flops), m.work.flops.in(model::flops), 0.5);
  }

  const results::Run osu = imported(results::to_osu(made.run));
  std::size_t collectives = 0;
  for (const auto& m : made.run.measurements) {
    if (m.probe.rfind("mpi.", 0) != 0 || m.probe == "mpi.exchange" ||
        m.parameters.count("timing") > 0 || !std::holds_alternative<results::Samples>(m.outcome))
      continue;
    ++collectives;
    const double printed = std::round(median_of(made.run, name_of(m)) * 1e8) / 1e8;  // to 0.01 us
    EXPECT_NEAR(median_of(osu, name_of(m)), printed, 1e-15) << name_of(m);
  }
  EXPECT_GT(collectives, 30u);

  // STREAM prints the mean (here of medians of visits), to 1 us, and neither the median nor the
  // size of the arrays.
  const results::Run stream = imported(results::to_stream(made.run));
  const std::string all = "memory.stream kernel=read threads=2";
  const auto& largest = case_of(made.run, "memory.stream bytes=1073741824 kernel=read threads=2");
  double mean = 0;
  const auto& visits = std::get<results::Samples>(largest.outcome).visits;
  for (const auto& visit : visits)
    mean += results::median_of(visit.seconds) / static_cast<double>(visits.size());
  EXPECT_NEAR(median_of(stream, all), mean, 0.5e-6);
  EXPECT_NEAR(case_of(stream, all).work.moved().in(model::bytes) / 1073741824.0, 1, 1e-4);
}

}  // namespace
}  // namespace limen::tests
