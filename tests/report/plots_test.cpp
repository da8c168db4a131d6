// The plots of predictions: what stands where.
#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "report/agreement.hpp"
#include "report/case_words.hpp"
#include "report/curves.hpp"
#include "report/pareto.hpp"
#include "report/roofline.hpp"

namespace limen::report {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Plots : testing::Test {
  model::Machine machine =
      cards::with_laws(cards::find_machine("h100-8"), cards::built_in_laws(), "vllm");
  model::Machine tiers = cards::find_machine("xpu-tiers");
  model::Transformer dense = cards::find_model("llama-3.1-70b");
  model::Transformer sparse = cards::find_model("mixtral-8x7b");

  model::Case of(const model::Transformer& t, double batch, int tp) const {
    model::Case c{&t, {batch, 4096, model::Format::fp8}, {.tp = tp}};
    c.workload.experts = c.workload.head = model::Format::fp8;
    return c;
  }
};

const Series* series(const Chart& chart, const std::string& name) {
  for (const auto& s : chart.series)
    if (s.name == name) return &s;
  return nullptr;
}

TEST_F(Plots, PartsAddUpToTheStep) {
  model::Case drafted = of(dense, 8, 8);
  drafted.drafts = {3, 0.8, &sparse, {model::Format::fp8, model::Format::fp8, model::Format::fp8}};
  for (const auto& [m, c] : {std::pair{&machine, of(dense, 64, 8)},
                             {&machine, of(sparse, 16, 2)},
                             {&machine, drafted},
                             {&tiers, of(dense, 4, 1)}}) {
    const auto plotted_case = plotted(*m, c);
    const auto& p = plotted_case.predicted.prediction;
    ASSERT_TRUE(p.fits) << p.why_not;
    double sum = p.step.exchanges.in(model::seconds) + p.step.fixed.in(model::seconds);
    double memory = 0;
    for (const auto& part : plotted_case.parts) {
      sum += part.seconds;
      memory += part.memory;
      EXPECT_GE(part.seconds, std::max(part.memory, part.compute) * (1 - 1e-12));
      EXPECT_LE(part.seconds, (part.memory + part.compute) * (1 + 1e-12));
      EXPECT_NEAR(part.by_memory() + part.by_compute(), part.seconds, 1e-12 * part.seconds);
    }
    EXPECT_NEAR(sum, p.step.total.in(model::seconds), 1e-9 * sum);
    EXPECT_NEAR(memory, p.step.memory.in(model::seconds), 1e-9 * memory);
  }
}

TEST_F(Plots, BarsOfTimeAddUpToTheTimePerToken) {
  const auto c = plotted(machine, of(sparse, 16, 2));
  for (const auto by : {StackBy::parts, StackBy::limits}) {
    const Bars bars = step_bars({c}, by);
    ASSERT_EQ(bars.bars.size(), 1u);
    const auto& b = bars.bars[0];
    const double sum = std::accumulate(b.values.begin(), b.values.end(), 0.0);
    EXPECT_NEAR(sum, 1 / c.predicted.prediction.utps, 1e-9 * sum);
    EXPECT_LT(b.low, sum);
    EXPECT_GT(b.high, sum);
    EXPECT_LE(b.bound, sum);
    EXPECT_EQ(b.values.size(), bars.parts.size());
  }
}

TEST_F(Plots, WhatDoesNotFitSaysSo) {
  const Bars bars = step_bars(
      {plotted(machine, of(dense, 8, 8)), plotted(machine, of(dense, 4096, 8))}, StackBy::limits);
  EXPECT_TRUE(bars.bars[0].instead.empty());
  EXPECT_EQ(bars.bars[0].label, "batch 8");
  EXPECT_THAT(bars.bars[1].instead, HasSubstr("does not fit"));
  EXPECT_THAT(bars.subtitle, HasSubstr("llama-3.1-70b on h100-8"));
}

TEST_F(Plots, NoOperatorIsAboveTheRoof) {
  std::vector<PlottedCase> cases;
  for (double batch : {1., 16., 128.}) cases.push_back(plotted(machine, of(dense, batch, 8)));
  cases.push_back(plotted(machine, of(dense, 1e6, 8)));
  const Chart chart = roofline(machine, {}, cases);
  const double bandwidth = machine.memory_bandwidth->value.in(model::bytes_per_second);
  const double peak = machine.compute[int(model::Format::fp8)]->value.in(model::flops_per_second);
  const Series* linear = series(chart, "linear layers");
  ASSERT_NE(linear, nullptr);
  ASSERT_EQ(linear->marks.size(), 3u);
  EXPECT_NEAR(linear->marks[1].at.x / linear->marks[0].at.x, 16, 1e-6);  // weights are read once
  for (const char* name : {"linear layers", "attention", "whole step"}) {
    for (const auto& m : series(chart, name)->marks) {
      EXPECT_LE(m.at.y, bandwidth * m.at.x * (1 + 1e-9)) << name;
      EXPECT_LE(m.at.y, peak * (1 + 1e-9)) << name;
    }
  }
  EXPECT_THAT(chart.subtitle, HasSubstr("1 of 4 cases do not fit"));
  EXPECT_EQ(linear->marks[2].label, "batch 128");
  // Attention reads as much for each of its operations whatever the batch.
  EXPECT_EQ(series(chart, "attention")->marks[2].label, "");
}

TEST_F(Plots, RoofsOfEveryTierAndPeakAreNamed) {
  const Chart chart = roofline(tiers, {}, {});
  EXPECT_THAT(to_svg(chart), HasSubstr(">memory "));
  EXPECT_THAT(to_svg(chart), HasSubstr(">SRAM "));
  model::Machine bare;
  bare.name = "bare";
  bare.memory_bandwidth = {model::bytes_per_second(1e9), model::bytes_per_second(1e9),
                           model::bytes_per_second(1e9), model::Evidence::datasheet, ""};
  EXPECT_THAT(to_terminal(roofline(bare, {}, {}), false), HasSubstr("memory 1 GB/s"));
}

TEST_F(Plots, MeasuredPointsStandAtTheirIntensityAndRate) {
  const Chart chart = roofline(machine, {{"int4", "4096 x 4096", 4, 1e12, 0.9e12, 1.1e12}}, {});
  const Series* s = series(chart, "measured, int4");
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->marks[0].at.x, 4);
  EXPECT_EQ(s->marks[0].at.y, 1e12);
  EXPECT_EQ(s->marks[0].low.y, 0.9e12);
  EXPECT_EQ(s->marks[0].high.x, 4);
}

TEST_F(Plots, AFrontierHoldsWhatNothingBeats) {
  std::vector<PredictedCase> cases;
  for (int tp : {2, 4, 8})
    for (double batch = 1; batch <= 4096; batch *= 4)
      cases.push_back(predicted(machine, of(dense, batch, tp)));
  const Chart chart = pareto(cases);
  const Series* front = series(chart, "frontier");
  ASSERT_NE(front, nullptr);
  ASSERT_GT(front->marks.size(), 2u);
  std::size_t fit = 0, drawn = 0;
  for (const auto& s : chart.series) drawn += s.marks.size();
  for (const auto& c : cases) {
    if (!c.prediction.fits) continue;
    ++fit;
    const Spot at{c.prediction.utps, c.prediction.stps / c.partition.tp};
    for (const auto& m : front->marks) EXPECT_FALSE(at.x > m.at.x && at.y > m.at.y);
  }
  EXPECT_EQ(drawn, fit);
  EXPECT_LT(fit, cases.size());
  EXPECT_THAT(chart.subtitle, HasSubstr("cases do not fit"));
  for (std::size_t i = 1; i < front->marks.size(); ++i) {
    EXPECT_LT(front->marks[i].at.x, front->marks[i - 1].at.x);
    EXPECT_GT(front->marks[i].at.y, front->marks[i - 1].at.y);
  }
  // An interval keeps the batch: both of its ends are as many users as the point.
  for (const auto& m : front->marks) EXPECT_NEAR(m.low.y / m.low.x, m.at.y / m.at.x, 1e-6);
}

TEST_F(Plots, EachMachineHasItsFrontier) {
  const auto other = cards::find_machine("h200-sxm-141gb");
  std::vector<PredictedCase> cases;
  for (double batch : {1., 8.}) {
    cases.push_back(predicted(machine, of(dense, batch, 8)));
    cases.push_back(predicted(other, of(dense, batch, 1)));
  }
  const Chart chart = pareto(cases);
  EXPECT_NE(series(chart, "h100-8"), nullptr);
  EXPECT_NE(series(chart, other.name), nullptr);
}

results::Measurement measured(const char* probe, results::Parameters parameters, double bytes,
                              double seconds) {
  results::Samples samples;
  samples.visits.push_back({0, 1, {seconds, seconds, seconds}, {}});
  samples.stop = "settled";
  return {probe, std::move(parameters), {model::bytes(bytes), {}, {}}, samples};
}

TEST(Curves, BandwidthAndItsLevels) {
  model::Machine m;
  m.name = "made";
  const auto rate = [](double v) {
    const auto b = model::bytes_per_second(v);
    return model::Parameter<model::BytesPerSecond>{b, b, b, model::Evidence::fitted, ""};
  };
  m.levels = {{"L1", 2, model::bytes(1e5), rate(1e11), {}, {}},
              {"DRAM", 2, {}, rate(1e10), {}, {}}};
  const auto run = [](const char* kernel, std::int64_t threads, double size, double bandwidth) {
    return measured("memory.stream",
                    {{"kernel", kernel}, {"threads", threads}, {"bytes", std::int64_t(size)}}, size,
                    size / bandwidth);
  };
  const Chart chart = bandwidth_curve(
      {run("read", 2, 1e4, 1e11),
       run("read", 2, 1e8, 1e10),
       run("copy", 2, 1e8, 8e9),
       run("read", 1, 1e8, 7e9),
       run("copy", 1, 1e8, 5e9),
       {"memory.stream", {{"kernel", "read"}, {"threads", 2}}, {}, results::Skipped{"why"}}},
      m);
  ASSERT_NE(series(chart, "read, 2 threads"), nullptr);
  EXPECT_EQ(series(chart, "read, 2 threads")->marks.size(), 2u);
  EXPECT_DOUBLE_EQ(series(chart, "copy, 2 threads")->marks[0].at.y, 8e9);
  EXPECT_NE(series(chart, "read, 1 thread"), nullptr);
  EXPECT_EQ(series(chart, "copy, 1 thread"), nullptr);
  const Series* dram = series(chart, "DRAM 10 GB/s");
  ASSERT_NE(dram, nullptr);
  EXPECT_DOUBLE_EQ(dram->marks.front().at.x, 1e5);
  EXPECT_DOUBLE_EQ(dram->marks.back().at.x, 1e8);
  EXPECT_DOUBLE_EQ(dram->marks.back().at.y, 1e10);
  EXPECT_TRUE(bandwidth_curve({}, m).series.empty());
}

TEST(Curves, AllReduceAndItsLaw) {
  model::Machine m;
  m.name = "made";
  const auto exact = [](auto v) {
    return model::Parameter<decltype(v)>{v, v, v, model::Evidence::fitted, ""};
  };
  for (double from : {0., 1e4})
    m.all_reduce.push_back({2, model::bytes(from), exact(model::seconds(1e-6)),
                            exact(model::seconds_per_byte(1e-10)), 0});
  const auto run = [](std::int64_t size, double seconds) {
    return measured("mpi.allreduce", {{"ranks", 2}, {"bytes", size}}, double(size), seconds);
  };
  const Chart chart = all_reduce_curve({run(0, 1e-6), run(8, 1e-6), run(1000000, 1e-4)}, m);
  ASSERT_EQ(chart.series.size(), 3u);
  EXPECT_EQ(chart.series[0].name, "2 ranks");
  EXPECT_EQ(chart.series[1].marks.front().at.x, 8);  // no logarithm has a zero
  EXPECT_NEAR(chart.series[1].marks.back().at.x, 1e4, 1e-6);
  EXPECT_NEAR(chart.series[2].marks.back().at.y, 1e-6 + 1e6 * 1e-10, 1e-12);
  EXPECT_TRUE(all_reduce_curve({}, m).series.empty());
}

TEST(Agreement, AGoodPredictionLiesOnTheLine) {
  const Chart chart = agreement("a title", "a summary",
                                {{"int4", "a", 1e-3, 0.9e-3, 1.1e-3, 1e-3},
                                 {"int4", "b", 2e-3, 1.9e-3, 2.1e-3, 4e-3},
                                 {"bf16", "c", 5e-3, 5e-3, 5e-3, 5e-3}});
  const Series* line = series(chart, "measured as predicted");
  const Series* int4 = series(chart, "int4");
  ASSERT_TRUE(line && int4);
  for (const auto& m : line->marks) EXPECT_EQ(m.at.x, m.at.y);
  EXPECT_EQ(chart.x.low, chart.y.low);
  EXPECT_EQ(chart.x.high, chart.y.high);
  EXPECT_EQ(int4->marks[1].at.y, 4e-3);
  EXPECT_EQ(int4->marks[1].low.x, 1.9e-3);
  EXPECT_EQ(int4->marks[1].high.y, 4e-3);
  EXPECT_NE(series(chart, "bf16"), nullptr);
  EXPECT_TRUE(agreement("", "", {}).series.empty());
}

TEST_F(Plots, WordsTellCasesApart) {
  std::vector<PredictedCase> cases{predicted(machine, of(dense, 1, 8)),
                                   predicted(machine, of(dense, 8, 4))};
  const CaseWords words(cases);
  EXPECT_EQ(words.common(), "llama-3.1-70b on h100-8, context 4096, weights fp8, KV bf16");
  EXPECT_EQ(words.of(cases[0]), "tp 8, batch 1");
  EXPECT_EQ(words.of(cases[1], {Fact::batch}), "tp 4");
}

}  // namespace
}  // namespace limen::report
