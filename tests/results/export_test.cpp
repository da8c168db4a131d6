#include "results/export.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "model/error.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::results {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const model::Work megabyte{model::megabytes(1.0), model::bytes(0.0), model::flops(0.0)};

results::Run small_run() {
  results::Run run;
  run.directory = "made";
  run.provenance.host = "na\"me";
  const Samples two{{{0, 10, {1e-3, 2e-3}, {}}, {1, 10, {3e-3}, {stolen}}}, "settled"};
  const auto stream = [](const char* kernel, std::int64_t threads, std::int64_t bytes) {
    return Parameters{{"kernel", std::string(kernel)}, {"threads", threads}, {"bytes", bytes}};
  };
  run.measurements = {
      {"memory.stream", stream("copy", 2, 1000), megabyte, two},
      {"memory.stream", stream("copy", 2, 500), megabyte, Samples{{{0, 1, {1e-9}, {}}}, ""}},
      {"memory.stream", stream("copy", 1, 9999), megabyte, Samples{{{0, 1, {1e-9}, {}}}, ""}},
      {"memory.stream", stream("triad", 2, 1000), megabyte, Invalid{"wrong"}},
      {"mpi.allreduce", {{"ranks", std::int64_t{2}}, {"bytes", std::int64_t{8}}}, {}, two},
      {"mpi.allreduce", {{"ranks", std::int64_t{2}}, {"bytes", std::int64_t{1024}}}, {}, two}};
  return run;
}

TEST(Export, GbenchMakesEverySampleARepetition) {
  const json root = json::parse(to_gbench(small_run()));
  ASSERT_EQ(root["benchmarks"].size(), 3u + 1 + 1 + 3 + 3);
  const json& third = root["benchmarks"][2];
  EXPECT_EQ(third["name"], "memory.stream/bytes:1000/kernel:copy/threads:2");
  EXPECT_EQ(third["repetitions"], 3);
  EXPECT_EQ(third["repetition_index"], 2);
  EXPECT_DOUBLE_EQ(third["real_time"], 3e6);
  EXPECT_EQ(third["time_unit"], "ns");
  EXPECT_EQ(third["run_type"], "iteration");
  EXPECT_DOUBLE_EQ(third["bytes_per_second"], 1e6 / 3e-3);
  EXPECT_FALSE(third.contains("items_per_second"));  // it does no arithmetic
  EXPECT_EQ(to_gbench(small_run()).find("null"), std::string::npos);
}

TEST(Export, CsvHasARowASample) {
  const std::string csv = to_csv(small_run());
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 3 + 1 + 1 + 3 + 3);
  EXPECT_THAT(csv, HasSubstr("\"memory.stream\",\"bytes=1000 kernel=copy "
                             "threads=2\",1,1,0,0.003,10,stolen,1000000,0,0\n"));
}

// Of the largest arrays with most threads; what was not measured, or is Invalid, has no row.
TEST(Export, StreamPrintsItsTable) {
  EXPECT_EQ(to_stream(small_run()),
            "-------------------------------------------------------------\n"
            "Number of Threads counted = 2\n"
            "-------------------------------------------------------------\n"
            "Function    Best Rate MB/s  Avg time     Min time     Max time\n"
            "Copy:             666.7     0.002250     0.001500     0.003000\n"
            "-------------------------------------------------------------\n");
}

TEST(Export, OsuPrintsItsTable) {
  EXPECT_THAT(to_osu(small_run()),
              HasSubstr("# Size         Avg Latency(us)    P50 Tail Lat(us)\n"
                        "8                      2000.00             2000.00\n"
                        "1024                   2000.00             2000.00\n"));
}

Measurement collective(const char* probe, std::int64_t ranks, std::int64_t bytes, double seconds,
                       const char* timing = nullptr) {
  Parameters parameters{{"ranks", ranks}, {"bytes", bytes}};
  if (timing) parameters["timing"] = std::string(timing);
  return {probe, parameters, {}, Samples{{{0, 1, {seconds}, {}}}, ""}};
}

// OSU names what a rank puts in, or one of its messages.
TEST(Export, OsuCountsBlocksAndKeepsTheBarrierMethodApart) {
  results::Run run;
  run.measurements = {collective("mpi.allgather", 4, 4096, 2e-6),
                      collective("mpi.reducescatter", 4, 4096, 3e-6),
                      collective("mpi.allgather", 4, 4096, 5e-6, "barriers")};
  const std::string text = to_osu(run);
  EXPECT_THAT(text, HasSubstr("MPI Allgather Latency (limen ), 4 ranks\n"
                              "# Size         Avg Latency(us)    P50 Tail Lat(us)\n"
                              "1024                      2.00                2.00\n"));
  EXPECT_THAT(text, HasSubstr("MPI Allgather Latency between barriers (limen ), 4 ranks\n"
                              "# Size         Avg Latency(us)    P50 Tail Lat(us)\n"
                              "1024                      5.00                5.00\n"));
  EXPECT_THAT(text, HasSubstr("\n4096                      3.00                3.00\n"));
}

TEST(Export, NcclTestsPrintsBandwidthOfTheBus) {
  results::Run run;
  run.measurements = {collective("mpi.allreduce", 4, 1'000'000, 1e-3),
                      collective("mpi.allreduce", 4, 1'000'000, 7e-3, "barriers"),
                      collective("mpi.alltoall", 4, 1'000'000, 1e-3)};
  const std::string text = to_nccl_tests(run);
  // 1 MB in a millisecond is 1 GB/s; 2 (p - 1) / p of it and (p - 1) / p pass a link.
  EXPECT_THAT(text, HasSubstr("     1000000        250000     float     sum      -1  1000.00    "
                              "1.00    1.50      0\n"));
  EXPECT_THAT(text, HasSubstr("     1000000         62500     float    none      -1  1000.00    "
                              "1.00    0.75      0\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("7000.00")));
}

TEST(Export, DeviceMemoryHasTablesOfItsOwn) {
  results::Run run;
  const auto add = [&run](const char* probe, Parameters p, double seconds) {
    p.insert({{"ranks", std::int64_t{4}}, {"bytes", std::int64_t{1'000'000}}});
    Samples samples;
    samples.visits.push_back({0, 1, std::vector<double>(3, seconds), {}});
    run.measurements.push_back({probe, p, {}, samples});
  };
  const auto word = [](const char* w) { return std::string(w); };
  add("device.allreduce", {{"by", word("NCCL")}, {"memory", word("device")}}, 1e-3);
  add("device.allreduce", {{"by", word("MPI")}, {"memory", word("device")}}, 2e-3);
  add("gpu.nccl", {{"collective", word("all_to_all")}, {"sent", word("graph")}}, 4e-3);
  add("gpu.allreduce", {{"library", word("nccl")}, {"type", word("float")}}, 5e-3);
  add("gpu.allreduce", {{"library", word("nccl")}, {"type", word("bfloat16")}}, 6e-3);
  const std::string text = to_nccl_tests(run);
  EXPECT_THAT(text, HasSubstr("     1000000        250000     float     sum      -1  5000.00    "));
  EXPECT_THAT(text, HasSubstr("     1000000        500000  bfloat16     sum      -1  6000.00    "));
  // NCCL moves bf16, MPI fp32.
  EXPECT_THAT(text, HasSubstr("     1000000        500000  bfloat16     sum      -1  1000.00    "
                              "1.00    1.50      0\n"));
  EXPECT_THAT(text, HasSubstr("     1000000        250000     float     sum      -1  2000.00    "));
  EXPECT_THAT(text, HasSubstr("# alltoall_perf of nccl-tests, in its form, from gpu.nccl"));
  EXPECT_THAT(text, HasSubstr("     1000000        125000  bfloat16    none      -1  4000.00    "));
  EXPECT_THAT(to_osu(run), HasSubstr("MPI-CUDA Allreduce Latency (limen"));
  EXPECT_THAT(to_osu(run), testing::Not(HasSubstr("4000")));
}

TEST(Export, SaysWhenThereIsNothingOfItsKind) {
  results::Run empty;
  empty.directory = "made";
  EXPECT_THROW(to_stream(empty), Error);
  EXPECT_THROW(to_osu(empty), Error);
  EXPECT_THROW(to_nccl_tests(empty), Error);
  EXPECT_EQ(json::parse(to_gbench(empty))["benchmarks"].size(), 0u);
}

}  // namespace
}  // namespace limen::results
