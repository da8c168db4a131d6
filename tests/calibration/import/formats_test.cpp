// What each format becomes: names, parameters, work and units.
#include <gmock/gmock.h>

#include "tests/calibration/import/imported.hpp"

namespace limen::tests {
namespace {

using results::Invalid;
using results::Skipped;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ImportFormats, EverySampleIsRecognisedByItsContent) {
  for (const Sample& s : all_samples()) {
    const results::Run run = imported(s.text);
    ASSERT_EQ(run.provenance.imported.size(), 1u) << s.file;
    EXPECT_EQ(run.provenance.imported[0].tool, s.format) << s.file;
    EXPECT_EQ(run.measurements.size(), s.cases) << s.file;
  }
}

TEST(ImportFormats, GbenchTakesWallTimeAndEveryRepetition) {
  const results::Run run = imported(made_gbench);
  const auto& samples = samples_of(run, "gbench.BM_made bytes=4096");
  ASSERT_EQ(samples.visits.size(), 1u);
  EXPECT_THAT(samples.visits[0].seconds, ElementsAre(200.0 / 1e9, 400.0 / 1e9));
  EXPECT_EQ(samples.visits[0].inner, 1000);
  // Its rate counts against the CPU time, or the wall time if the name says so.
  EXPECT_EQ(case_of(run, "gbench.BM_made bytes=4096").work.moved().in(model::bytes), 4096);
  const auto& other = case_of(run, "gbench.BM_other arg0=8 real_time=yes");
  EXPECT_EQ(other.work.moved().in(model::bytes), 10000);
  EXPECT_DOUBLE_EQ(median_of(run, name_of(other)), 5e-6);  // an aggregate, as there is no sample
  EXPECT_EQ(std::get<Skipped>(case_of(run, "gbench.BM_broken ").outcome).reason, "made to fail");
  EXPECT_EQ(run.provenance.host, "made-host");
  EXPECT_EQ(run.provenance.started, "2026-01-02T03:04:05+00:00");
}

TEST(ImportFormats, NvbandwidthIsInDecimalGigabytesAndNanoseconds) {
  const results::Run run = imported(made_nvbandwidth);
  const std::string name = "nvbandwidth.device_to_device_memcpy_read_ce column=1 row=0";
  EXPECT_DOUBLE_EQ(case_of(run, name).work.read.in(model::bytes) / median_of(run, name), 250e9);
  EXPECT_DOUBLE_EQ(median_of(run, "nvbandwidth.host_device_latency_sm column=0 row=0"), 750.5e-9);
  EXPECT_TRUE(std::holds_alternative<Skipped>(
      case_of(run, "nvbandwidth.multinode_device_to_device_memcpy_read_ce ").outcome));
  EXPECT_EQ(run.provenance.imported[0].version, "v0.8");
  EXPECT_THAT(run.provenance.imported[0].device, HasSubstr("Made GPU"));
}

TEST(ImportFormats, NcclTestsOutOfPlaceSumIsTheAllReduceOfDevices) {
  const results::Run run = imported(made_nccl);
  const std::string name =
      "gpu.allreduce bytes=32768 launch=stream library=nccl ranks=4 type=float";
  EXPECT_DOUBLE_EQ(median_of(run, name), 12.5e-6);
  EXPECT_EQ(samples_of(run, name).visits[0].inner, 20);
  EXPECT_EQ(case_of(run, name).work.read.in(model::bytes), 32768);
  EXPECT_DOUBLE_EQ(median_of(run,
                             "nccl-tests.all_reduce bytes=1024 launch=stream library=nccl "
                             "placement=in ranks=4 redop=sum root=-1 type=float"),
                   11e-6);
  EXPECT_EQ(run.provenance.imported[0].version, "2.17.4");
  EXPECT_EQ(run.provenance.imported[0].device, "Made GPU");
}

TEST(ImportFormats, NcclTestsOfOldIsToldByItsBusBandwidth) {
  std::string old = replaced(made_nccl, "# Collective test starting: all_reduce_perf\n", "");
  EXPECT_EQ(imported(old).measurements[0].probe, "gpu.allreduce");
  // (n - 1) / n of the algorithm's is a reduce-scatter's.
  for (const auto& [all_reduce, reduce_scatter] :
       {std::pair{" 0.15", " 0.08"}, {" 3.93", " 1.97"}, {"39.32", "19.66"}, {"38.36", "19.18"}})
    old = replaced(old, all_reduce, reduce_scatter);
  EXPECT_EQ(imported(old).measurements[0].probe, "nccl-tests.collective");
}

TEST(ImportFormats, NcclTestsJsonHasTheLaunchesThemselves) {
  const results::Run run = imported(made_nccl_json);
  const auto& samples =
      samples_of(run, "gpu.allreduce bytes=1024 launch=graph library=nccl ranks=2 type=float");
  EXPECT_THAT(samples.visits[0].seconds, ElementsAre(9.0 / 1e6, 10.0 / 1e6, 11.0 / 1e6));
  EXPECT_EQ(samples.visits[0].inner, 1);
  EXPECT_TRUE(std::holds_alternative<Invalid>(
      case_of(run, "gpu.allreduce bytes=2048 launch=graph library=nccl ranks=2 type=float")
          .outcome));
  EXPECT_EQ(run.provenance.started, "2026-01-02T03:04:05Z");
}

TEST(ImportFormats, OsuUsesTheMedianWhereThereIsOne) {
  EXPECT_DOUBLE_EQ(median_of(imported(made_osu_latency), "mpi.pingpong bytes=1024 ranks=2"),
                   1.25e-6);
  EXPECT_DOUBLE_EQ(median_of(imported(made_osu_barrier), "mpi.barrier ranks=4"), 3.25e-6);
  const results::Run full = imported(made_osu_full);
  EXPECT_DOUBLE_EQ(median_of(full, "mpi.allreduce bytes=4 ranks=4"), 1.9e-6);
  const std::string tool = "osu.allreduce_latency bytes=4 ranks=4 statistic=";
  EXPECT_DOUBLE_EQ(median_of(full, tool + "mean"), 2e-6);
  EXPECT_EQ(samples_of(full, tool + "mean").visits[0].inner, 1000);
  EXPECT_DOUBLE_EQ(median_of(full, tool + "slowest_rank"), 2.5e-6);
  EXPECT_DOUBLE_EQ(median_of(full, tool + "p99"), 9e-6);
}

TEST(ImportFormats, OsuCountsSomeCollectivesByTheBlock) {
  for (const auto& [title, at_four_ranks] :
       {std::pair{"MPI Allgather", "mpi.allgather bytes=16 ranks=4"},
        {"MPI All-to-All Personalized Exchange", "mpi.alltoall bytes=16 ranks=4"},
        {"MPI Reduce_scatter", "mpi.reducescatter bytes=4 ranks=4"},
        {"MPI Broadcast", "mpi.broadcast bytes=4 ranks=4"}}) {
    const results::Run run = imported(replaced(made_osu_full, "MPI Allreduce", title));
    EXPECT_DOUBLE_EQ(median_of(run, at_four_ranks), 1.9e-6);
    // Columns that limen does not have keep OSU's name, and its size.
    std::size_t of_osu = 0;
    for (const auto& m : run.measurements)
      of_osu += m.probe.rfind("osu.", 0) == 0 && name_of(m).find("bytes=4 ") != std::string::npos;
    EXPECT_EQ(of_osu, 4u) << title;
  }
  for (const char* other : {"MPI Scatter", "MPI Alltoallv", "MPI Gather", "MPI-CUDA Allgather"})
    for (const auto& m : imported(replaced(made_osu_full, "MPI Allreduce", other)).measurements)
      EXPECT_EQ(m.probe.rfind("osu.", 0), 0u) << m.probe;
}

TEST(ImportFormats, OsuBandwidthIsInDecimalMegabytes) {
  const results::Run run = imported(made_osu_bandwidth);
  EXPECT_DOUBLE_EQ(median_of(run, "osu.bi_directional_bandwidth bytes=4096 ranks=2"),
                   4096 / 8192e6);
  EXPECT_DOUBLE_EQ(median_of(imported(made_osu_nonblocking),
                             "osu.non_blocking_allreduce_latency bytes=4 ranks=4"),
                   5e-6);
}

TEST(ImportFormats, OsuOfDeviceMemoryIsNoAllReduceOfHosts) {
  const results::Run run = imported(replaced(made_osu_full, "OSU MPI ", "OSU MPI-CUDA "));
  EXPECT_DOUBLE_EQ(median_of(run, "gpu.allreduce bytes=4 launch=stream library=mpi ranks=4"),
                   1.9e-6);
}

TEST(ImportFormats, BabelstreamArraysAreTheUnroundedPowerOfTwo) {
  const results::Run run = imported(made_babelstream);
  const std::string triad = "memory.stream bytes=805306368 kernel=triad";
  EXPECT_DOUBLE_EQ(median_of(run, triad), 1.6e-3);
  EXPECT_EQ(samples_of(run, triad).visits[0].inner, 100);
  EXPECT_EQ(case_of(run, triad).work.read.in(model::bytes), 2 * 268435456.0);
  EXPECT_EQ(case_of(run, triad).work.written.in(model::bytes), 268435456.0);
  EXPECT_DOUBLE_EQ(median_of(run, "memory.stream bytes=536870912 kernel=read"), 1.05e-3);
  // The best is known to the digits of the rate.
  EXPECT_DOUBLE_EQ(median_of(run, "babelstream.add bytes=805306368 statistic=best"), 1.5e-3);
  EXPECT_EQ(run.provenance.imported[0].device, "CUDA device Made GPU");
}

TEST(ImportFormats, BabelstreamUnitsAreThoseOfTheHeading) {
  const results::Run csv = imported(made_babelstream_csv);  // MiB
  EXPECT_DOUBLE_EQ(median_of(csv, "babelstream.copy bytes=16777216 statistic=best"), 1e-3);
  EXPECT_DOUBLE_EQ(median_of(csv, "memory.stream bytes=16777216 kernel=copy"), 2e-3);
  EXPECT_DOUBLE_EQ(median_of(csv, "babelstream.init_phase bytes=25165824"), 5e-4);
  for (std::string text : {made_babelstream}) {
    text = replaced(text, "MBytes/sec  Min", "GB/s        Min");
    for (int i = 0; i < 5; ++i) text = replaced(text, "536870.912", "536.870912");
    EXPECT_DOUBLE_EQ(median_of(imported(text), "babelstream.add bytes=805306368 statistic=best"),
                     1.5e-3);
  }
}

TEST(ImportFormats, StreamIsInDecimalMegabytes) {
  const results::Run run = imported(made_stream);
  const std::string triad = "memory.stream bytes=240000000 kernel=triad threads=4";
  EXPECT_DOUBLE_EQ(median_of(run, triad), 12e-3);
  EXPECT_EQ(samples_of(run, triad).visits[0].inner, 10);
  EXPECT_DOUBLE_EQ(median_of(run, "stream.scale bytes=160000000 statistic=best threads=4"), 10e-3);
  const results::Run bad =
      imported(replaced(made_stream, "Solution Validates: ", "Failed Validation on "));
  for (const auto& m : bad.measurements) EXPECT_TRUE(std::holds_alternative<Invalid>(m.outcome));
}

TEST(ImportFormats, LlamaBenchDecodesInSecondsOfOneToken) {
  const std::string decode =
      "engine.decode backend=CPU batch=1 context=4096 engine=llama.cpp file=made-Q4_0.gguf "
      "flash_attention=0 gpu_layers=-1 model=llama 1B Q4_0 model_bytes=1073741824 "
      "model_parameters=1250000000 n_batch=2048 n_ubatch=512 threads=4 tokens=128 type_k=f16 "
      "type_v=f16";
  for (const std::string& text : {made_llama_json(), made_llama_jsonl()}) {
    const results::Run run = imported(text);
    EXPECT_THAT(samples_of(run, decode).visits[0].seconds, ElementsAre(0.05, 0.05, 0.1));
    EXPECT_EQ(samples_of(run, decode).visits[0].inner, 128);
    EXPECT_EQ(run.measurements[0].probe, "engine.prefill");
    EXPECT_DOUBLE_EQ(median_of(run, name_of(run.measurements[0])), 2.0);
    EXPECT_EQ(run.provenance.cpu_model, "Made CPU");
    EXPECT_EQ(run.provenance.imported[0].version, "build made0000 (1234)");
  }
}

TEST(ImportFormats, LlamaBenchTablesHaveTheMean) {
  const results::Run csv = imported(made_llama_csv);
  EXPECT_DOUBLE_EQ(median_of(csv, name_of(csv.measurements[0])), 0.05);
  EXPECT_EQ(csv.provenance.cpu_model, "Made \"quoted\" CPU, 4 cores");
  const results::Run md = imported(made_llama_markdown);
  EXPECT_DOUBLE_EQ(
      median_of(md,
                "engine.decode backend=CPU batch=1 context=4096 engine=llama.cpp "
                "model=llama 1B Q4_0 model_bytes=1073741824 model_parameters=1250000000 "
                "threads=4 tokens=128"),
      0.05);
  EXPECT_DOUBLE_EQ(median_of(md,
                             "llama-bench.prompt_and_decode backend=CPU batch=1 context=0 "
                             "engine=llama.cpp model=llama 1B Q4_0 model_bytes=536870912 "
                             "model_parameters=125000000 prompt=512 threads=4 tokens=64"),
                   10.0);
}

}  // namespace
}  // namespace limen::tests
