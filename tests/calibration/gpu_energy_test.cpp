// The energy of a made-up GPU is found again where its measurements tell it, and only there.
#include <gmock/gmock.h>

#include "calibration/calibrate.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/energy.hpp"
#include "tests/calibration/made_machine.hpp"

namespace limen::calibration {
namespace {

using model::Evidence;
using model::Format;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

struct Truth {
  double idle = 95, memory = 70e-12, cache = 15e-12, bf16 = 0.45e-12, fp8 = 0.25e-12;
  double misfit = 0.01;  // relative, alternating between cases
};

class MadeEnergy : public tests::MadeRun {
 public:
  MadeEnergy() {
    run.provenance.gpu_model = "made up GPU";
    run.provenance.gpu_memory_bytes = {80'000'000'000};
    for (double bytes = 1 << 19; bytes < 5e9; bytes *= 2)
      add("gpu.stream",
          {{"kernel", std::string("read")},
           {"device", std::int64_t{0}},
           {"blocks", std::int64_t{1}},
           {"bytes", static_cast<std::int64_t>(bytes)}},
          bytes / (bytes < 40e6 ? 6e12 : 3e12), bytes);
  }
  // A window of two seconds at so many bytes and FLOPs a second.
  void window(const std::string& kernel, const std::string& residence, double byte_rate,
              double flop_rate = 0, const std::string& format = "bf16") {
    const Truth& t = truth;
    double watts = t.idle + (residence == "cached" ? t.cache : t.memory) * byte_rate +
                   (format == "fp8" ? t.fp8 : t.bf16) * flop_rate;
    watts *= 1 + (n_ % 2 == 0 ? t.misfit : -t.misfit);
    results::Parameters p = {{"kernel", kernel}, {"number", n_++}, {"format", format}};
    if (!residence.empty()) p["residence"] = residence;
    add("gpu.energy", p, 1e-3, byte_rate * 1e-3, flop_rate * 1e-3);
    for (auto& v : std::get<results::Samples>(run.measurements.back().outcome).visits) {
      double seconds = 0;
      for (const double s : v.seconds) seconds += s * static_cast<double>(v.inner);
      v.joules = watts * seconds;
    }
  }
  void usual() {
    window("rest", "", 0);
    for (const double rate : {3e12, 1.8e12, 0.5e12}) window("read", "cold", rate);
    window("copy", "cold", 2.8e12);
    for (const double rate : {6e12, 2e12}) window("read", "cached", rate);
    window("gemv", "cold", 2.9e12);
    for (const double flops : {350e12, 700e12}) window("gemm", "cold", 0.4e12, flops);
    for (const double flops : {600e12, 1300e12}) window("gemm", "cold", 0.3e12, flops, "fp8");
  }
  Truth truth;

 private:
  std::int64_t n_ = 0;
};

TEST(GpuEnergy, IsFoundWhereTheCasesTellItApart) {
  MadeEnergy made;
  made.usual();
  const auto c = calibrate({made.run}, "x");
  const auto& e = c.machine.economics;
  const auto expect = [](const auto& p, const auto& unit, double truth) {
    ASSERT_TRUE(p);
    EXPECT_NEAR(p->value.in(unit) / truth, 1, 0.05);
    EXPECT_LT(p->low.in(unit), truth);
    EXPECT_GT(p->high.in(unit), truth);
    EXPECT_LT(p->high.in(unit) / p->low.in(unit), 1.3);
    EXPECT_EQ(p->evidence, Evidence::fitted);
  };
  expect(e.idle, model::watts, made.truth.idle);
  expect(e.memory, model::joules_per_byte, made.truth.memory);
  for (const auto f : {Format::bf16, Format::int8, Format::int4})
    expect(e.flop[static_cast<int>(f)], model::joules_per_flop, made.truth.bf16);
  expect(e.flop[static_cast<int>(Format::fp8)], model::joules_per_flop, made.truth.fp8);
  EXPECT_FALSE(e.flop[static_cast<int>(Format::fp32)]);
  const auto law = std::find_if(c.laws.begin(), c.laws.end(),
                                [](const LawReport& l) { return l.law == "energy"; });
  ASSERT_NE(law, c.laws.end());
  EXPECT_EQ(law->n, 12u);
  EXPECT_LT(law->largest_error, 0.03);
  EXPECT_TRUE(law->held_out);
}

TEST(GpuEnergy, GoesThroughTheMachineFileIntoPowerAndEnergyOfAToken) {
  MadeEnergy made;
  made.usual();
  auto m = cards::read_machine(cards::write_machine(calibrate({made.run}, "x").machine), "x");
  cards::set_parameter(m, "compute.bf16=800TFLOP/s");
  const auto t = cards::find_model("llama-3.1-8b");
  const model::Case one{&t, {1, 4096, Format::bf16, Format::bf16}, {}};
  const auto p = model::predict(m, one);
  const auto r = model::running(m, one, p, p.stps);
  ASSERT_TRUE(r.power);
  EXPECT_EQ(r.law, model::PowerLaw::dynamic);
  // At batch 1 it reads at the full rate.
  EXPECT_NEAR(r.power->in(model::watts), made.truth.idle + made.truth.memory * 3e12, 40);
  EXPECT_EQ(r.evidence, Evidence::fitted);
}

TEST(GpuEnergy, ThatOneRateCannotTellFromRestIsNotClaimed) {
  MadeEnergy made;
  made.truth.misfit = 0.05;
  for (int i = 0; i < 8; ++i) made.window("read", "cold", 3e12);
  const auto c = calibrate({made.run}, "x");
  EXPECT_FALSE(c.machine.economics.idle || c.machine.economics.memory);
  EXPECT_THAT(c.machine.unidentified,
              AllOf(Contains(HasSubstr("power.idle: the cases")),
                    Contains(HasSubstr("energy.memory: the cases")), Not(Contains("the cache"))));
}

TEST(GpuEnergy, OfAFlopThatNoiseDrownsIsNotClaimedAndTheRestIs) {
  MadeEnergy made;
  made.usual();
  made.truth.bf16 = 0;
  for (auto& m : made.run.measurements) {  // products that draw no more than their bytes
    if (m.probe != "gpu.energy" || std::get<std::string>(m.parameters["kernel"]) != "gemm")
      continue;
    for (auto& v : std::get<results::Samples>(m.outcome).visits) {
      double seconds = 0;
      for (const double s : v.seconds) seconds += s * static_cast<double>(v.inner);
      v.joules = (made.truth.idle + 70e-12 * m.work.moved().in(model::bytes) / 1e-3) * seconds;
    }
  }
  const auto c = calibrate({made.run}, "x");
  EXPECT_FALSE(c.machine.economics.flop[static_cast<int>(Format::bf16)]);
  EXPECT_TRUE(c.machine.economics.memory);
  EXPECT_THAT(c.machine.unidentified, Contains(HasSubstr("energy.bf16")));
}

TEST(GpuEnergy, AQuickRunIsTooShortForIt) {
  MadeEnergy made;
  made.window("rest", "", 0);
  made.window("read", "cold", 3e12);
  made.window("copy", "cold", 2.8e12);
  const auto c = calibrate({made.run}, "x");
  EXPECT_FALSE(c.machine.economics.idle);
  EXPECT_THAT(c.machine.unidentified, Contains(HasSubstr("3 cases of gpu.energy for 2 terms")));
}

TEST(GpuEnergy, WhatOthersDrewOrNobodyCountedIsLeftOut) {
  MadeEnergy made;
  made.usual();
  for (auto& m : made.run.measurements) {
    if (m.probe != "gpu.energy") continue;
    auto& visits = std::get<results::Samples>(m.outcome).visits;
    ASSERT_GE(visits.size(), 2u);
    visits[0].joules *= 10;
    visits[0].marks.assign(visits[0].seconds.size(), results::shared_device);
    visits[1].joules = 0;
  }
  const auto c = calibrate({made.run}, "x");
  ASSERT_TRUE(c.machine.economics.idle);
  EXPECT_NEAR(c.machine.economics.idle->value.in(model::watts), made.truth.idle, 5);
}

}  // namespace
}  // namespace limen::calibration
