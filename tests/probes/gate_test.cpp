// The gate on made-up measurements.
#include <gmock/gmock.h>

#include "results/gate.hpp"

namespace limen::results {
namespace {

using testing::HasSubstr;

Measurement made(std::string probe, Parameters parameters, double bytes, double flops,
                 double seconds) {
  return {std::move(probe),
          std::move(parameters),
          {model::bytes(bytes), {}, model::flops(flops)},
          Samples{{Visit{0, 1, {seconds, seconds, seconds}, {}}}, "settled"}};
}
Measurement read(std::int64_t bytes, double rate, std::int64_t threads = 1) {
  return made("memory.stream",
              {{"kernel", std::string("read")}, {"threads", threads}, {"bytes", bytes}}, 1e9, 0,
              1e9 / rate);
}
Measurement gemv(const char* format, const char* residence, double bytes_rate, double flop_rate) {
  return made("gemv",
              {{"format", std::string(format)},
               {"residence", std::string(residence)},
               {"threads", std::int64_t{1}}},
              1e9, flop_rate / bytes_rate * 1e9, 1e9 / bytes_rate);
}
Measurement fma(const char* type, double rate) {
  return made("compute.fma", {{"type", std::string(type)}, {"threads", std::int64_t{1}}}, 0, 1e9,
              1e9 / rate);
}
const std::vector<Measurement> machine{read(16384, 500e9),  read(1 << 20, 200e9),
                                       read(1 << 29, 40e9), fma("fp32", 290e9),
                                       fma("fp64", 145e9),  fma("int16", 580e9)};

std::string refusal_of(const Measurement& m) {
  auto all = machine;
  all.push_back(m);
  for (const auto& refused : gate(all)) {
    EXPECT_EQ(refused.index, machine.size()) << refused.reason;
    return refused.reason;
  }
  return "";
}

TEST(Gate, LetsAHonestMachinePass) { EXPECT_THAT(gate(machine), testing::IsEmpty()); }

TEST(Gate, RefusesADeletedLoop) {
  EXPECT_THAT(refusal_of(made("anything", {}, 1e9, 0, 20e-9)), HasSubstr("impossible"));
  EXPECT_THAT(
      refusal_of(made("compute.fma", {{"type", std::string("fp64")}, {"threads", std::int64_t{1}}},
                      0, 1e9, 1e-4)),
      HasSubstr("Gflop/s a core"));
  EXPECT_THAT(refusal_of(made("memory.latency", {{"bytes", std::int64_t{1} << 30}}, 0, 0, 1e-11)),
              HasSubstr("a cycle"));
}

TEST(Gate, RefusesAReadFasterThanEveryFasterLevel) {
  EXPECT_THAT(refusal_of(read(1 << 25, 700e9)), HasSubstr("smaller working set"));
  EXPECT_EQ(refusal_of(read(1 << 25, 90e9)), "");
}

TEST(Gate, HoldsColdWeightsToMemoryAndCachedOnesToTheCaches) {
  EXPECT_EQ(refusal_of(gemv("fp32", "cold", 41e9, 20e9)), "") << "a little above is noise";
  EXPECT_THAT(refusal_of(gemv("fp32", "cold", 60e9, 30e9)), HasSubstr("read from memory"));
  EXPECT_EQ(refusal_of(gemv("fp32", "cached", 60e9, 30e9)), "");
  EXPECT_THAT(refusal_of(gemv("fp32", "cached", 700e9, 200e9)), HasSubstr("best read of any size"));
}

TEST(Gate, HoldsProductsToThePeakOfTheTypeTheyComputeIn) {
  EXPECT_THAT(refusal_of(gemv("bf16", "cold", 30e9, 400e9)), HasSubstr("peak of fp32"));
  EXPECT_EQ(refusal_of(gemv("int4", "cold", 30e9, 400e9)), "");
  EXPECT_THAT(refusal_of(gemv("fp64", "cold", 30e9, 200e9)), HasSubstr("peak of fp64"));
}

TEST(Gate, HoldsSeveralThreadsToWhatEachCanDo) {
  EXPECT_EQ(refusal_of(read(1 << 29, 78e9, 2)), "");
  EXPECT_THAT(refusal_of(read(1 << 25, 1300e9, 2)), HasSubstr("1000.0 GB/s"));
}

TEST(Gate, ADisturbedSmallSetRefusesNoLargerOne) {
  auto all = machine;
  all.push_back(read(32768, 100e9, 2));  // a thread lost its core all the time
  all.push_back(read(1 << 19, 390e9, 2));
  EXPECT_THAT(gate(all), testing::IsEmpty());
}

TEST(Gate, LooksAtSamplesOnly) {
  auto m = read(1 << 25, 9e15);
  m.outcome = Skipped{"no"};
  EXPECT_EQ(refusal_of(m), "");
}

}  // namespace
}  // namespace limen::results
