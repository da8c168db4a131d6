// GPUs that are made up, with known laws: calibration finds them, and predicts TP over them.
#include <gmock/gmock.h>

#include "calibration/calibrate.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/error.hpp"
#include "model/prediction.hpp"
#include "tests/calibration/made_machine.hpp"

namespace limen::calibration {
namespace {

using model::Format;
using results::Parameters;
using testing::Contains;
using testing::HasSubstr;
using tests::MadeRun;

struct Truth {
  double bandwidth = 3e12, cache = 6e12, efficiency = 0.9, fixed = 1.5e-6, peak = 800e12;
  double alpha = 4e-6, beta = 5e-12, flag = 0.7e-6, scalar = 60e12;
};

std::int64_t whole(double v) { return static_cast<std::int64_t>(v); }

MadeRun gpu_run(const Truth& t = {}) {
  MadeRun made;
  auto& p = made.run.provenance;
  p.gpu_model = "made up GPU";
  p.gpu_memory_bytes = {80'000'000'000, 79'000'000'000};
  for (double bytes = 1 << 19; bytes < 5e9; bytes *= 2)
    for (const std::int64_t blocks : {132, 1056})  // a small grid reads at half the rate
      made.add("gpu.stream",
               {{"kernel", std::string("read")},
                {"device", std::int64_t{0}},
                {"blocks", blocks},
                {"bytes", whole(bytes)}},
               bytes / (bytes < 40e6 ? t.cache : t.bandwidth) * (blocks == 132 ? 2 : 1), bytes);
  for (double bytes = 1 << 14; bytes < 1e9; bytes *= 2)
    made.add("gpu.latency", {{"bytes", whole(bytes)}, {"device", std::int64_t{0}}},
             bytes < 40e6 ? 200e-9 : 600e-9, 128);
  const auto product = [&](const char* probe, const char* format, double bytes_per_weight,
                           double rows, double cols, double tokens, const char* sent) {
    const double weights = rows * cols, bytes = weights * bytes_per_weight;
    Parameters q = {
        {"format", std::string(format)},   {"rows", whole(rows)},       {"cols", whole(cols)},
        {"tokens", whole(tokens)},         {"device", std::int64_t{0}}, {"sent", std::string(sent)},
        {"residence", std::string("cold")}};
    if (tokens > 1) q["by"] = std::string("cuBLASLt");
    const double launch = std::string(sent) == "stream" ? 20e-6 : 0;
    made.add(probe, q,
             launch + t.fixed +
                 std::max(bytes / (t.efficiency * t.bandwidth), 2 * weights * tokens / t.peak),
             bytes, 2 * weights * tokens);
  };
  for (const auto& [format, size] : {std::pair{"bf16", 2.0}, {"fp8", 1.0}}) {
    for (const auto& [rows, cols] :
         {std::pair{1024, 1024}, {4096, 4096}, {14336, 4096}, {28672, 8192}}) {
      product("gpu.gemv", format, size, rows, cols, 1, "graph");
      product("gpu.gemv", format, size, rows, cols, 1, "stream");
    }
    for (double tokens = 2; tokens <= 8192; tokens *= 4)
      for (const auto& [rows, cols] : {std::pair{4096, 4096}, {28672, 8192}})
        product("gpu.gemm", format, size, rows, cols, tokens, "graph");
  }
  made.add("gpu.fma", {{"device", std::int64_t{0}}, {"type", std::string("fp32")}}, 1e9 / t.scalar,
           0, 1e9);
  made.add("gpu.pingpong", {{"device", std::int64_t{0}}, {"peer", std::int64_t{0}}}, 0.3e-6, 0);
  made.add("gpu.pingpong", {{"device", std::int64_t{0}}, {"peer", std::int64_t{1}}}, t.flag, 0);
  made.add("gpu.barrier", {{"blocks", std::int64_t{132}}, {"device", std::int64_t{0}}}, 1e-6, 0);
  for (double bytes = 1024; bytes < 2e6; bytes *= 2) {
    const auto reduce = [&](const char* kind, double slower) {
      made.add("gpu.allreduce",
               {{"kind", std::string(kind)},
                {"ranks", std::int64_t{2}},
                {"bytes", whole(bytes)},
                {"sent", std::string("graph")},
                {"device", std::int64_t{0}}},
               slower * (t.alpha + t.beta * bytes), bytes);
    };
    reduce("one-shot", 1);
    reduce("two-shot", 1.5);
    made.add("gpu.nccl",
             {{"collective", std::string("all_reduce")},
              {"ranks", std::int64_t{2}},
              {"bytes", whole(bytes)},
              {"device", std::int64_t{0}}},
             15e-6 + t.beta * bytes, bytes);
    made.add("gpu.peer",
             {{"device", std::int64_t{0}}, {"peer", std::int64_t{1}}, {"bytes", whole(bytes)}},
             2e-6 + bytes / 300e9, bytes);
  }
  return made;
}

TEST(CalibrateGpus, FindsTheLaws) {
  const Truth t;
  const auto c = calibrate({gpu_run().run}, "gpus");
  const auto& m = c.machine;
  EXPECT_EQ(m.devices, 2);
  EXPECT_EQ(m.ranks_per_device, 1);
  EXPECT_EQ(m.description, "made up GPU");
  EXPECT_EQ(m.memory_capacity->value, model::bytes(79e9));
  EXPECT_NEAR(m.memory_bandwidth->value.in(model::bytes_per_second) / t.bandwidth, 1, 0.05);
  EXPECT_EQ(m.levels.size(), 2u);
  for (const auto f : {Format::bf16, Format::fp8}) {
    ASSERT_TRUE(m.law(f).efficiency && m.law(f).fixed) << model::name(f);
    EXPECT_NEAR(double(m.law(f).efficiency->value), t.efficiency, 0.05) << model::name(f);
    EXPECT_NEAR(m.law(f).fixed->value.in(model::seconds) / t.fixed, 1, 0.2) << model::name(f);
    EXPECT_NEAR(m.compute[static_cast<int>(f)]->value.in(model::flops_per_second) / t.peak, 1, 0.1);
  }
  EXPECT_NEAR(m.compute_scalar->value.in(model::flops_per_second) / t.scalar, 1, 0.05);
  EXPECT_NEAR(m.sync_floor->value.in(model::seconds) / t.flag, 1, 0.05);  // between devices
  ASSERT_FALSE(m.all_reduce.empty());
  EXPECT_NEAR(m.all_reduce[0].alpha.value.in(model::seconds) / t.alpha, 1, 0.1);  // the fastest
}

void add_one_token(MadeRun& made, const char* probe, const char* format, double seconds_a_weight) {
  for (const auto& [rows, cols] : {std::pair{4096, 4096}, {14336, 4096}, {28672, 8192}}) {
    Parameters q = {{"format", std::string(format)},   {"rows", std::int64_t{rows}},
                    {"cols", std::int64_t{cols}},      {"tokens", std::int64_t{1}},
                    {"device", std::int64_t{0}},       {"sent", std::string("graph")},
                    {"residence", std::string("cold")}};
    if (std::string(probe) == "gpu.gemm") q["by"] = std::string("cuBLASLt");
    const double weights = 1.0 * rows * cols;
    made.add(probe, q, 1.5e-6 + weights * seconds_a_weight, 2 * weights, 2 * weights);
  }
}

TEST(CalibrateGpus, ProductsAreHeldAgainstTheLibrary) {
  MadeRun made = gpu_run();
  add_one_token(made, "gpu.gemm", "bf16", 2 / (1.2 * 0.9 * 3e12));  // ours takes 1.2 of it
  add_one_token(made, "gpu.gemm", "fp8", 1 / (0.8 * 0.9 * 3e12));   // ours takes 0.8
  add_one_token(made, "gpu.gemm", "int8", 1e-15);  // of integers: none of the model's business
  const auto c = calibrate({made.run}, "x");
  EXPECT_THAT(c.notes,
              Contains(testing::ContainsRegex(
                  "gpu.gemv bf16: 1\\.[12].* of cuBLASLt's time .*3 shapes.*can do better")));
  EXPECT_THAT(c.notes, Contains(testing::AllOf(HasSubstr("gpu.gemv fp8: 0.8"),
                                               testing::Not(HasSubstr("better")))));
  EXPECT_FALSE(c.machine.law(Format::int8).efficiency);
  EXPECT_NEAR(double(c.machine.law(Format::bf16).efficiency->value), 0.9, 0.05);
}

TEST(CalibrateGpus, HalfPrecisionIsOfTheClassOf16Bits) {
  MadeRun both = gpu_run();
  add_one_token(both, "gpu.gemv", "fp16", 2 / (0.45 * 3e12));
  auto c = calibrate({both.run}, "x");
  EXPECT_THAT(c.notes, Contains(testing::ContainsRegex("gpu.gemv fp16: (1\\.9|2\\.0).*of bf16")));
  EXPECT_NEAR(double(c.machine.law(Format::bf16).efficiency->value), 0.9, 0.05);
  std::erase_if(both.run.measurements, [](const results::Measurement& m) {
    const auto format = m.parameters.find("format");
    return format != m.parameters.end() &&
           format->second == results::ParameterValue(std::string("bf16"));
  });
  c = calibrate({both.run}, "x");
  EXPECT_THAT(c.notes, Contains(HasSubstr("linear.bf16: from fp16")));
  EXPECT_NEAR(double(c.machine.law(Format::bf16).efficiency->value), 0.45, 0.03);
}

TEST(CalibrateGpus, ThrottledAndSharedSamplesStayAndAreToldOf) {
  MadeRun made = gpu_run();
  for (auto& m : made.run.measurements)
    for (auto& visit : std::get<results::Samples>(m.outcome).visits)
      visit.marks.assign(visit.seconds.size(), m.probe == "gpu.gemm" ? results::throttled : 0u);
  const auto c = calibrate({made.run}, "x");
  EXPECT_THAT(c.notes, Contains(testing::ContainsRegex("28 of .* lowered its clocks")));
  EXPECT_THAT(c.notes, testing::Not(Contains(HasSubstr("others used"))));
  EXPECT_TRUE(c.machine.compute[static_cast<int>(Format::bf16)]);
}

// Two devices a node: what ranks measured between nodes makes the network, and within a node the
// fastest way, of whatever did it, the law.
TEST(CalibrateGpus, RanksOnSeveralNodesMakeTheNetwork) {
  MadeRun made = gpu_run();
  const double step = 8e-6, byte = 1 / 40e9;
  const auto reduce = [&](int ranks, int nodes, const char* by, double bytes, double seconds) {
    Parameters p{{"ranks", std::int64_t{ranks}},
                 {"bytes", whole(bytes)},
                 {"memory", std::string("device")},
                 {"by", std::string(by)},
                 {"sent", std::string("graph")}};
    if (nodes > 1) p["nodes"] = std::int64_t{nodes};
    made.add("device.allreduce", p, seconds, bytes);
  };
  for (double bytes = 1024; bytes < 2e7; bytes *= 4) {
    for (const int nodes : {2, 4, 8}) {
      // Doubling, a whole message a step.
      reduce(nodes, nodes, "NCCL", bytes, std::log2(nodes) * (step + byte * bytes));
      reduce(nodes, nodes, "MPI", bytes, 3 * std::log2(nodes) * (step + byte * bytes));
    }
    reduce(2, 1, "NCCL", bytes, 1e-6 + 5e-12 * bytes);  // better than our own
    made.add("device.allgather",
             {{"ranks", std::int64_t{2}}, {"bytes", whole(bytes)}, {"by", std::string("NCCL")}},
             2e-6 + 3e-12 * bytes, bytes);
  }
  const auto m = calibrate({made.run}, "gpus").machine;
  EXPECT_EQ(m.devices_per_node, 2);
  EXPECT_EQ(m.devices, 16);
  ASSERT_TRUE(m.sync_net && m.sync_net_bandwidth);
  EXPECT_NEAR(m.sync_net->value.in(model::seconds) / step, 1, 0.1);
  ASSERT_FALSE(m.all_reduce.empty());
  for (const auto& piece : m.all_reduce) EXPECT_EQ(piece.ranks, 2);
  EXPECT_NEAR(m.all_reduce[0].alpha.value.in(model::seconds), 1e-6, 0.2e-6);
  ASSERT_FALSE(m.all_gather.empty());
  EXPECT_NEAR(m.all_gather[0].alpha.value.in(model::seconds), 2e-6, 0.2e-6);
  // TP over two nodes pays for the network, over one it does not.
  const auto t = cards::find_model("llama-3.1-8b");
  const auto time = [&](int tp) {
    return model::predict(m, {&t, {1, 4096, Format::bf16, Format::bf16}, {.tp = tp}}).step.sync;
  };
  EXPECT_GT(time(4).in(model::seconds), 2 * time(2).in(model::seconds));
}

TEST(CalibrateGpus, HostMemoryOfRanksIsNoLawOfGpus) {
  MadeRun made = gpu_run();
  for (double bytes = 1024; bytes < 2e6; bytes *= 4)
    made.add("mpi.allreduce", {{"ranks", std::int64_t{2}}, {"bytes", whole(bytes)}}, 1e-7, bytes);
  const auto m = calibrate({made.run}, "gpus").machine;
  EXPECT_NEAR(m.all_reduce[0].alpha.value.in(model::seconds) / Truth{}.alpha, 1, 0.1);
  EXPECT_EQ(m.devices, 2);
}

TEST(CalibrateGpus, TheMachineFilePredictsTensorParallelismOverItsGpus) {
  const auto file = cards::write_machine(calibrate({gpu_run().run}, "gpus").machine);
  const auto m = cards::read_machine(file, "made");
  const auto t = cards::find_model("llama-3.1-8b");
  const auto at = [&](int tp) {
    return model::predict(m, {&t, {1, 4096, Format::bf16, Format::bf16}, {.tp = tp}});
  };
  ASSERT_TRUE(at(1).fits && at(2).fits);
  EXPECT_GT(at(2).utps, 1.4 * at(1).utps);
  EXPECT_LT(at(2).utps, 2 * at(1).utps);
  EXPECT_LT(at(2).utps, at(2).utps_ideal);
  EXPECT_FALSE(at(4).fits);  // it has two
}

TEST(CalibrateGpus, ACpuRunIsAsBeforeAndEachSubjectCanBeNamed) {
  MadeRun both = gpu_run();
  both.add_all(tests::MadeMachine{});
  EXPECT_EQ(calibrate({both.run}, "x").machine.description, "made up GPU");
  const auto cpu = calibrate({both.run}, "x", Subject::cpu).machine;
  EXPECT_EQ(cpu.description, "made up");
  EXPECT_NEAR(cpu.memory_bandwidth->value.in(model::bytes_per_second) / 60e9, 1, 0.05);
  MadeRun none;
  none.add_all(tests::MadeMachine{});
  EXPECT_THROW(calibrate({none.run}, "x", Subject::gpu), Error);
}

TEST(CalibrateGpus, EmulatedSamplesAreNoEvidence) {
  MadeRun made = gpu_run();
  for (auto& m : made.run.measurements)
    for (auto& visit : std::get<results::Samples>(m.outcome).visits)
      visit.marks.assign(visit.seconds.size(), results::emulated);
  EXPECT_THROW(calibrate({made.run}, "x"), Error);
  made.add_all(tests::MadeMachine{});
  const auto c = calibrate({made.run}, "x");
  EXPECT_EQ(c.machine.description, "made up");
  EXPECT_THAT(c.notes, Contains(HasSubstr("emulated")));
}

}  // namespace
}  // namespace limen::calibration
