#include "calibration/calibrate.hpp"

#include <gmock/gmock.h>

#include "model/cards/machine_card.hpp"
#include "model/error.hpp"
#include "results/statistics.hpp"
#include "tests/calibration/made_machine.hpp"

namespace limen::calibration {
namespace {

using model::Format;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using tests::MadeMachine;
using tests::MadeRun;

// Near the truth, and the truth within the interval or next to it.
template <class P, class U>
void expect_near(const std::optional<P>& parameter, U unit, double truth, double tolerance,
                 const char* what) {
  ASSERT_TRUE(parameter) << what;
  EXPECT_NEAR(parameter->value.in(unit) / truth, 1, tolerance) << what;
  EXPECT_LE(parameter->low.in(unit), truth * (1 + tolerance / 2)) << what;
  EXPECT_GE(parameter->high.in(unit), truth * (1 - tolerance / 2)) << what;
}

Calibration whole_machine() {
  MadeRun made;
  made.add_all(MadeMachine{});
  return calibrate({made.run}, "");
}

TEST(Calibrate, RecoversMemory) {
  const Calibration c = whole_machine();
  const MadeMachine truth;
  expect_near(c.machine.memory_bandwidth, model::bytes_per_second, truth.bandwidth, 0.05,
              "bandwidth");
  ASSERT_TRUE(c.machine.memory_efficiency);
  EXPECT_NEAR(double(c.machine.memory_efficiency->value), 0.98, 0.03);
  EXPECT_EQ(c.machine.memory_capacity->value,
            model::bytes(32e9));  // the cgroup's limit, not what is installed
  ASSERT_THAT(c.machine.levels, SizeIs(4));
  const double rates[] = {800e9, 400e9, 200e9, 60e9}, knees[] = {64e3, 2e6, 32e6};
  for (std::size_t i = 0; i < 4; ++i) {
    const model::MemoryLevel& level = c.machine.levels[i];
    EXPECT_EQ(level.name, i == 3 ? "DRAM" : "L" + std::to_string(i + 1));
    EXPECT_NEAR(level.bandwidth.value.in(model::bytes_per_second) / rates[i], 1, 0.03);
    if (i < 3) {
      EXPECT_NEAR(std::log2(level.capacity->in(model::bytes) / knees[i]), 0, 1);
    }
  }
}

TEST(Calibrate, RecoversLinearLaws) {
  const Calibration c = whole_machine();
  const MadeMachine truth;
  for (const auto& [name, law] : truth.laws) {
    SCOPED_TRACE(name);
    for (Format f : model::formats) {
      if (model::name(f) != name) continue;
      const model::LinearLaw& fitted = c.machine.law(f);
      expect_near(fitted.fixed, model::seconds, law.fixed, 0.15, "fixed");
      expect_near(fitted.unpack, model::seconds, law.unpack, 0.10, "unpack");
      expect_near(fitted.rate, model::flops_per_second, law.rate, 0.05, "rate");
      ASSERT_TRUE(fitted.efficiency);
      // Relative to the best bandwidth, which is a little above the usual.
      const double absolute = double(fitted.efficiency->value) *
                              c.machine.memory_bandwidth->value.in(model::bytes_per_second);
      // Where memory and arithmetic take as long as each other (int4), noise may look like overlap.
      EXPECT_NEAR(absolute / (law.efficiency * truth.bandwidth), 1, 0.06);
      EXPECT_LT(fitted.scatter, 0.05);
    }
  }
  EXPECT_FALSE(c.machine.law(Format::fp8).efficiency);
  expect_near(c.machine.compute[int(Format::bf16)], model::flops_per_second, truth.fp32, 0.04,
              "bf16 peak");
  expect_near(c.machine.compute[int(Format::int4)], model::flops_per_second, truth.int16, 0.04,
              "int4 peak");
}

TEST(Calibrate, TheScatterOfAFormatLeansTowardsThatOfTheOthers) {
  const Calibration c = whole_machine();
  std::vector<double> own, moderated;
  for (const LawReport& law : c.laws) {
    for (Format f : model::formats) {
      if (law.law != std::string("linear.") + model::name(f)) continue;
      own.push_back(law.held_out.value());
      moderated.push_back(c.machine.law(f).scatter);
    }
  }
  ASSERT_THAT(own, SizeIs(4));
  const double usual = results::median_of(own);
  for (std::size_t i = 0; i < own.size(); ++i) {
    EXPECT_LT(std::fabs(moderated[i] - usual), std::fabs(own[i] - usual)) << i;
    EXPECT_GE(moderated[i], std::min(own[i], usual)) << i;
    EXPECT_LE(moderated[i], std::max(own[i], usual)) << i;
  }
}

TEST(Calibrate, RecoversSynchronization) {
  const Calibration c = whole_machine();
  const MadeMachine truth;
  expect_near(c.machine.sync_floor, model::seconds, truth.floor, 0.03, "floor");
  expect_near(c.machine.sync_barrier, model::seconds, truth.barrier, 0.03, "barrier");
  expect_near(c.machine.sync_pp, model::seconds, truth.hop, 0.03, "hop");
  expect_near(c.machine.sync_pp_bandwidth, model::bytes_per_second, truth.hop_bandwidth, 0.03,
              "hop's bandwidth");
  ASSERT_THAT(c.machine.all_reduce, SizeIs(2));
  const model::CollectivePiece &near = c.machine.all_reduce[0], &far = c.machine.all_reduce[1];
  EXPECT_EQ(near.from, model::bytes(0.0));
  EXPECT_EQ(far.from, model::bytes(131072.0));
  EXPECT_EQ(far.ranks, 2);
  EXPECT_NEAR(near.alpha.value.in(model::seconds) / truth.alpha, 1, 0.03);
  EXPECT_NEAR(near.beta.value.in(model::seconds_per_byte) / truth.beta, 1, 0.05);
  EXPECT_NEAR(far.alpha.value.in(model::seconds) / truth.far_alpha, 1, 0.15);
  EXPECT_NEAR(far.beta.value.in(model::seconds_per_byte) / truth.far_beta, 1, 0.03);
  EXPECT_LT(near.scatter, 0.05);
}

TEST(Calibrate, ReportsEveryLawAndWritesAReadableMachine) {
  const Calibration c = whole_machine();
  for (const LawReport& law : c.laws) {
    EXPECT_LT(law.median_error, 0.03) << law.law;
    EXPECT_GE(law.n, 3u) << law.law;
  }
  EXPECT_THAT(c.laws, SizeIs(1 + 4 + 2));
  EXPECT_THAT(c.notes, IsEmpty());
  const model::Machine again = cards::read_machine(cards::write_machine(c.machine), "made");
  EXPECT_EQ(again.levels.size(), c.machine.levels.size());
  EXPECT_NEAR(double(again.law(Format::int4).efficiency->value),
              double(c.machine.law(Format::int4).efficiency->value), 1e-6);
  EXPECT_EQ(again.ranks_per_device, 2);
}

TEST(Calibrate, GivesTheSameMachineTwice) {
  EXPECT_EQ(cards::write_machine(whole_machine().machine),
            cards::write_machine(whole_machine().machine));
}

TEST(Calibrate, SaysWhatOneTokenCannotTell) {
  MadeRun made;
  const MadeMachine m;
  made.add_memory(m);
  made.add_peaks(m);
  for (double n : {1024.0, 2048.0, 4096.0, 8192.0, 16384.0})
    made.add_product(m, Format::bf16, n, n, 1, true);
  const Calibration c = calibrate({made.run}, "x");
  const model::LinearLaw& law = c.machine.law(Format::bf16);
  EXPECT_TRUE(law.efficiency);
  EXPECT_TRUE(law.fixed);
  EXPECT_FALSE(law.unpack);
  EXPECT_FALSE(law.rate);
  EXPECT_THAT(c.machine.unidentified, Contains(HasSubstr("linear.bf16.rate: ")));
  EXPECT_THAT(c.machine.unidentified, Contains(HasSubstr("linear.bf16.unpack: ")));
  EXPECT_THAT(c.machine.unidentified,
              Contains(HasSubstr("linear.int8: no gemv or gemm with residence=cold")));
}

TEST(Calibrate, NeedsColdWeights) {
  MadeRun made;
  const MadeMachine m;
  made.add_memory(m);
  made.add_product(m, Format::fp32, 128, 2048, 1, false);
  const Calibration c = calibrate({made.run}, "x");
  EXPECT_FALSE(c.machine.law(Format::fp32).efficiency);
  EXPECT_THAT(c.machine.unidentified,
              Contains(HasSubstr("linear.fp32: no gemv or gemm with residence=cold")));
  EXPECT_THAT(c.machine.unidentified, Contains(HasSubstr("compute.fp32")));
  EXPECT_THAT(c.machine.unidentified, Contains(HasSubstr("sync.all_reduce")));
}

TEST(Calibrate, NeedsABandwidth) {
  MadeRun made;
  made.add_linear(MadeMachine{}, Format::fp32);
  const Calibration c = calibrate({made.run}, "x");
  EXPECT_THAT(c.machine.unidentified, Contains(HasSubstr("memory.bandwidth: no memory.stream")));
  EXPECT_THAT(c.machine.unidentified,
              Contains(HasSubstr("linear.fp32: efficiency needs memory.bandwidth")));
}

TEST(Calibrate, LeavesOutAndNamesWhatIsNotValid) {
  MadeRun made;
  made.add_all(MadeMachine{});
  for (results::Measurement& m : made.run.measurements) {
    if (m.probe == "gemv" &&
        m.parameters.at("format") == results::ParameterValue{std::string("fp32")})
      m.outcome = results::Invalid{"wrong sum"};
    if (m.probe != "mpi.allreduce") continue;
    for (results::Visit& v : std::get<results::Samples>(m.outcome).visits)
      v.marks.assign(v.seconds.size(), results::oversubscribed);
  }
  const Calibration c = calibrate({made.run}, "x");
  EXPECT_THAT(c.notes, Contains(AllOf(HasSubstr("left out: gemv"), HasSubstr("format=fp32"),
                                      HasSubstr("wrong sum"))));
  EXPECT_THAT(c.notes, Contains(AllOf(HasSubstr("left out: mpi.allreduce"),
                                      HasSubstr("more ranks or threads than cores"))));
  EXPECT_THAT(c.machine.all_reduce, IsEmpty());
  EXPECT_TRUE(
      c.machine.law(Format::fp32).efficiency);  // the products of several columns are still there
}

TEST(Calibrate, TakesUndisturbedSamplesWhereThereAreEnough) {
  MadeRun made({.drift = 0, .scatter = 0.001});
  made.add_peaks(MadeMachine{});
  const auto disturb = [&made](std::size_t every) {
    for (results::Measurement& m : made.run.measurements) {
      for (results::Visit& v : std::get<results::Samples>(m.outcome).visits) {
        v.marks.assign(v.seconds.size(), 0);
        for (std::size_t i = 0; i < v.seconds.size(); i += every) {
          v.marks[i] = results::context_switch;
          v.seconds[i] *= every == 1 ? 1 : 3;
        }
      }
    }
    return calibrate({made.run}, "x");
  };
  Calibration c = disturb(2);
  EXPECT_THAT(c.notes, IsEmpty());
  EXPECT_NEAR(c.machine.compute[int(Format::fp32)]->value.in(model::gigaflops_per_second), 500, 3);
  c = disturb(1);
  EXPECT_THAT(c.notes, Contains(HasSubstr("2 of 2 cases were disturbed")));
}

TEST(Calibrate, RefusesRunsWithoutSamples) {
  EXPECT_THROW(calibrate({results::Run{}}, "x"), Error);
  MadeRun made;
  made.add_peaks(MadeMachine{});
  for (auto& m : made.run.measurements) m.outcome = results::Invalid{"broken"};
  EXPECT_THROW(calibrate({made.run}, "x"), Error);
}

TEST(Calibrate, PoolsRunsAndWarnsOfOtherHosts) {
  MadeRun a({.drift = 0.01, .scatter = 0.01, .seed = 5}),
      b({.drift = 0.01, .scatter = 0.01, .seed = 6});
  a.add_memory(MadeMachine{});
  b.add_memory(MadeMachine{});
  EXPECT_THAT(calibrate({a.run, b.run}, "x").notes, IsEmpty());
  b.run.provenance.host = "other";
  const Calibration c = calibrate({a.run, b.run}, "x");
  EXPECT_THAT(c.notes, Contains(HasSubstr("different hosts: made, other")));
  EXPECT_NEAR(c.machine.levels.back().bandwidth.value.in(model::gigabytes_per_second), 60, 1.5);
}

// Physics: weights cannot come faster than memory reads, and no collective is faster than a flag.
TEST(Calibrate, ClosesTheGatesOfPhysics) {
  MadeMachine m;
  m.laws["fp32"].efficiency = 1.2;
  m.alpha = 20e-9;
  MadeRun made;
  made.add_all(m);
  const Calibration c = calibrate({made.run}, "x");
  EXPECT_DOUBLE_EQ(double(c.machine.law(Format::fp32).efficiency->value), 1);
  EXPECT_LE(double(c.machine.law(Format::fp32).efficiency->high), 1);
  EXPECT_THAT(c.notes, Contains(AllOf(HasSubstr("linear.fp32.efficiency was fitted at 1."),
                                      HasSubstr("the measured bandwidth"))));
  EXPECT_THAT(c.notes, Contains(AllOf(HasSubstr("sync.all_reduce of 2 ranks from 8 bytes"),
                                      HasSubstr("of sync.floor"))));
  EXPECT_GE(c.machine.all_reduce[0].alpha.value, c.machine.sync_floor->value * 0.9);
}

TEST(Calibrate, SaysWhenTheSweepEndsInACache) {
  MadeMachine m;
  m.threads = 1;
  MadeRun made;
  for (double bytes = 2e6; bytes < 16e6; bytes *= 1.5)
    made.add("memory.stream",
             {{"kernel", std::string("read")},
              {"threads", std::int64_t{1}},
              {"bytes", std::int64_t(bytes)}},
             bytes / 200e9, bytes);
  EXPECT_THAT(calibrate({made.run}, "x").machine.unidentified,
              Contains(HasSubstr("shows no knee")));
}

// 90 % intervals hold the truth in about 90 of 100 runs.
TEST(Calibrate, IntervalsCoverTheTruth) {
  const MadeMachine truth;
  int alpha = 0, beta = 0, unpack = 0, rate = 0;
  constexpr int trials = 40;
  for (int t = 0; t < trials; ++t) {
    MadeRun made({.drift = 0.03,
                  .scatter = 0.02,
                  .outliers = 0.05,
                  .visits = 5,
                  .samples = 5,
                  .seed = std::uint64_t(100 + t)});
    for (double bytes = 64; bytes < 70000; bytes *= 4)
      made.add("mpi.allreduce", {{"ranks", std::int64_t{4}}, {"bytes", std::int64_t(bytes)}},
               truth.alpha + truth.beta * bytes, bytes);
    made.add("memory.stream",
             {{"kernel", std::string("read")},
              {"threads", std::int64_t{2}},
              {"bytes", std::int64_t{1} << 30}},
             double(1 << 30) / truth.bandwidth, double(1 << 30));
    for (double tokens : {1.0, 4.0, 16.0, 64.0})
      for (double rows : {1024.0, 4096.0})
        made.add_product(truth, Format::int8, rows, 4096, tokens, true);
    const model::Machine m = calibrate({made.run}, "x").machine;
    const auto holds = [](const auto& p, auto unit, double value) {
      return p.low.in(unit) <= value && value <= p.high.in(unit);
    };
    alpha += holds(m.all_reduce.at(0).alpha, model::seconds, truth.alpha);
    beta += holds(m.all_reduce.at(0).beta, model::seconds_per_byte, truth.beta);
    const model::LinearLaw& law = m.law(Format::int8);
    unpack += law.unpack && holds(*law.unpack, model::seconds, truth.laws.at("int8").unpack);
    rate += law.rate && holds(*law.rate, model::flops_per_second, truth.laws.at("int8").rate);
  }
  for (const auto& [what, covered] :
       {std::pair{"alpha", alpha}, {"beta", beta}, {"unpack", unpack}, {"rate", rate}})
    EXPECT_GE(covered, trials * 0.8) << what;
}

}  // namespace
}  // namespace limen::calibration
