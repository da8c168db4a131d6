#include "model/frontier.hpp"

#include <gtest/gtest.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "tests/model/tiny.hpp"

namespace limen::model {
namespace {

Case case_of(const Transformer& t, Partition p = {}, double batch = 1, double context = 1) {
  return {&t, {batch, context, Format::bf16, Format::bf16}, p};
}

ServingQuestion question(const Transformer& t, long long input, long long output) {
  ServingQuestion q;
  q.like = case_of(t);
  q.request = {input, output};
  q.space = {0, 0, 0, 0, 0};
  return q;
}

TEST(Prefill, OfATinyModelByHand) {
  const Transformer t = tiny();
  Case c = case_of(t, {}, 3);
  c.workload.tokens = 4;
  c.workload.projected = Projected::last;
  const Demand d = demand_of(c);
  const auto& linear = d.part(Part::linear);
  const auto& attention = d.part(Part::attention);
  // Weights once: 2 layers of 576 and the head of 80; the head for the last tokens alone.
  EXPECT_DOUBLE_EQ(linear.work.read.in(bytes), 2 * (2 * 576 + 80));
  EXPECT_DOUBLE_EQ(linear.work.flops.in(flops), 2.0 * 3 * (2 * 576 * 4 + 80));
  // The i-th token attends to i: 1 + 2 + 3 + 4, 4 FLOPs for each of 8 elements, 2 layers.
  EXPECT_DOUBLE_EQ(attention.work.flops.in(flops), 4.0 * 8 * 10 * 2 * 3);
  EXPECT_DOUBLE_EQ(attention.work.written.in(bytes), 4 * 8 * 2 * 2 * 3);
  c.workload.projected = Projected::none;
  EXPECT_DOUBLE_EQ(demand_of(c).part(Part::linear).weights, 2 * 576);
  EXPECT_DOUBLE_EQ(demand_of(c).weights_held.in(bytes), d.weights_held.in(bytes));
}

TEST(Prefill, OfTwoChunksByHand) {
  const Transformer t = tiny();
  const Prefill prefill(case_of(t), 7, 4);
  EXPECT_EQ(prefill.chunks(), 2);
  // The clock counts weights: those of the layers twice, those of the head once.
  const auto time = prefill.time([](const Passes&) {
    return [](const Passes& d) { return d.model.part(Part::linear).weights; };
  });
  EXPECT_DOUBLE_EQ(time.occupied, 2 * 2 * 576 + 80);
  EXPECT_DOUBLE_EQ(time.longest, 2 * 576 + 80);
  // And attention: 4 x 8 x 2 FLOPs for each pair of tokens, of which there are 1 + ... + 7.
  const auto flops_of = prefill.time([](const Passes&) {
    return [](const Passes& d) { return d.model.part(Part::attention).work.flops.in(flops); };
  });
  EXPECT_DOUBLE_EQ(flops_of.occupied, 4.0 * 8 * 2 * 28);
}

TEST(Prefill, ChunksFollowOneAnotherThroughTheStages) {
  const Transformer t = tiny();  // 2 layers: 2 stages of one
  const Prefill prefill(case_of(t, {.pp = 2}), 12, 4);
  const auto time = prefill.time([](const Passes&) { return [](const Passes&) { return 1.0; }; });
  EXPECT_DOUBLE_EQ(time.through, 2);     // 3 chunks of half a second a stage: 1 + 2 x 0.5
  EXPECT_DOUBLE_EQ(time.occupied, 1.5);  // of each stage
}

const char* const models[] = {"llama-3.1-8b", "gemma-3-27b", "llama-4-scout", "glm-5",
                              "deepseek-v3",  "gpt-oss-20b", "mixtral-8x7b"};

Machine machine() { return cards::find_machine("h100-8"); }

TEST(Prefill, TakesLongerForMoreTokensAndInSmallerChunks) {
  for (const char* model : models) {
    const Transformer t = cards::find_model(model);
    const Machine m = machine();
    const Case c = case_of(t, {.tp = 8});
    auto ttft = [&](long long input, long long chunk) {
      return Prefill(c, input, chunk).time(Clock{&m, &c}).through;
    };
    double last = 0;
    for (const long long input : {1, 2, 100, 1024, 5000, 20000, 100000}) {
      const double now = ttft(input, 0);
      EXPECT_GE(now, last) << model << " " << input;
      EXPECT_DOUBLE_EQ(ttft(input, input), now);
      EXPECT_DOUBLE_EQ(ttft(input, 1LL << 40), now);
      EXPECT_GE(ttft(input, 2048), now * (1 - 1e-12)) << model << " " << input;
      last = now;
    }
  }
}

TEST(Series, SumsAsThoughStepByStep) {
  for (const char* model : models) {
    const Transformer t = cards::find_model(model);
    for (const double tokens : {1.0, 7.0, 512.0}) {
      for (const double start : {1.0, 700.0, 8190.0}) {
        Case c = case_of(t, {.tp = 8}, 40, start);
        c.workload.tokens = tokens;
        // So that compute takes over from memory, or the other way, on the way.
        Machine m = machine();
        m.compute[static_cast<int>(Format::bf16)]->value = teraflops_per_second(60.0);
        const Series series(c, tokens, 900);
        const Clock clock{&m, &c};
        const auto time = clock(series.first());
        double expected = 0, read = 0;
        for (int i = 0; i < 900; ++i) {
          c.workload.context = start + i * tokens;
          const Passes d = passes_of(c);
          expected += time(d);
          read += d.model.part(Part::attention).work.read.in(bytes) / 900;
        }
        EXPECT_NEAR(series.sum(time) / expected, 1, 1e-11)
            << model << " " << tokens << " " << start;
        EXPECT_NEAR(series.mean().model.part(Part::attention).work.read.in(bytes) / read, 1, 1e-11);
      }
    }
  }
}

TEST(Serving, TakingTurnsByHand) {
  const Transformer t = tiny();
  const Pool pool{{}, 2};
  const PrefillTime prefill{0.1, 0.1, 0.1};
  const Served s = interleaved(t, pool, 4, {100, 11}, prefill, 1, 0.01);
  EXPECT_DOUBLE_EQ(s.stps, 2 * 4 * 11 / 0.5);  // a cycle: 10 steps of 10 ms, 4 prompts of 100 ms
  EXPECT_DOUBLE_EQ(s.tpot, 0.04);              // 3 of them in an answer of 10 steps
  EXPECT_DOUBLE_EQ(s.ttft, 0.1);
  EXPECT_DOUBLE_EQ(s.prefill_share, 0.8);
  EXPECT_DOUBLE_EQ(s.longest_gap, 0.11);
  // Little's law: requests/s of an instance x the time of a request = sequences in flight.
  EXPECT_DOUBLE_EQ(s.stps / 11 / 2 * (s.ttft + 10 * s.tpot), 4);
  // A user alone waits for nobody.
  const Served one = interleaved(t, pool, 1, {100, 11}, prefill, 1, 0.01);
  EXPECT_DOUBLE_EQ(one.tpot, 0.01);
  // Between 5 chunks come 4 steps.
  EXPECT_DOUBLE_EQ(interleaved(t, pool, 4, {100, 11}, prefill, 5, 0.01).ttft, 0.14);
}

TEST(Serving, PoolsOfTheirOwnByHand) {
  const Transformer t = tiny();
  Machine m = machine();
  m.sync_net = Parameter<Seconds>::exact(milliseconds(1.0), Evidence::hypothetical, "test");
  m.sync_net_bandwidth =
      Parameter<BytesPerSecond>::exact(gigabytes_per_second(10.0), Evidence::hypothetical, "test");
  const Pool prefill{{.tp = 2}, 3}, decode{{.tp = 4}, 1};
  const Handover link(m, prefill, m, decode, 1e9);
  EXPECT_DOUBLE_EQ(link.by_bytes, 0.05);  // 1 GB over two links of 10 GB/s
  EXPECT_DOUBLE_EQ(link.rate, 40);        // four links at work
  const PrefillTime prompt{0.1, 0.1, 0.1};
  // 30 requests/s prefilled; 20 sequences in 100 steps of 10 ms: 20 requests/s.
  Served s = disaggregated(t, prefill, decode, 20, {100, 101}, prompt, 0.01, link);
  EXPECT_DOUBLE_EQ(s.stps, 20 * 101);
  EXPECT_DOUBLE_EQ(s.ttft, 0.1 + 0.001 + 0.05);
  EXPECT_DOUBLE_EQ(s.tpot, 0.01);
  EXPECT_DOUBLE_EQ(s.prefill_share, 20 / 30.0);
  s = disaggregated(t, prefill, decode, 35, {100, 101}, prompt, 0.01, link);
  EXPECT_DOUBLE_EQ(s.stps, 30 * 101);  // now the prefill pool sets the pace
  s = disaggregated(t, prefill, decode, 35, {100, 101}, prompt, 0.01,
                    Handover(m, prefill, m, decode, 1e10));
  EXPECT_DOUBLE_EQ(s.stps, 4 * 101);  // now the links do
  // 8 query heads share a key; a prompt's cache is counted once, not once a rank.
  EXPECT_DOUBLE_EQ(cached_bytes(case_of(t, {.tp = 4}), 100), 100 * 8 * 2 * 2);
}

TEST(Serving, AloneOnTheMachineDecodesAtTheMeanContext) {
  const Transformer t = cards::find_model("gemma-3-12b"), small = cards::find_model("gemma-3-1b");
  Machine m = machine();
  m.devices = 1;
  Drafts by_model{4, 0.7, &small, {}};
  for (const Drafts& drafts : {Drafts{}, Drafts{3, 0.8, nullptr, {}}, by_model}) {
    ServingQuestion q = question(t, 900, 201);  // a window of 1024 fills on the way
    q.space = {1, 1, 1, 1, 1};
    q.like.drafts = drafts;
    const ServingSearch search(m, q);
    ASSERT_EQ(search.result().points.size(), 1u);
    const Served& s = search.result().points[0].now;
    double sum = 0;
    for (int context = 901; context <= 1100; ++context) {
      Case c = case_of(t, {}, 1, context);
      c.drafts = drafts;
      sum += 1 / predict(m, c).utps;
    }
    EXPECT_NEAR(s.tpot, sum / 200, 1e-12);
    EXPECT_NEAR(s.stps, 201 / (sum + s.ttft), 1e-9);
  }
}

// Against step by step where not bytes and FLOPs alone grow with the context, or not evenly.
TEST(Series, SumsWhateverGrowsWithTheContext) {
  struct Setting {
    const char *model, *machine, *set;
    Partition partition;
    double batch, start, stride, tokens;
    int steps, drafts;
    Format weights = Format::bf16;
  };
  const Setting settings[] = {
      // The cache outgrows the fast tier, and with more stages it is held for all of them.
      {"llama-3.1-70b", "h100-sxm-host", "", {.pp = 4}, 32, 101, 1, 1, 20000, 0},
      // Sparse attention holds more than it reads; experts give way to the cache.
      {"glm-5", "h100-sxm-host", "", {.tp = 8}, 64, 101, 1, 1, 30000, 0, Format::fp8},
      {"gemma-3-27b", "h100-sxm-host", "", {}, 512, 101, 1, 1, 5000, 0},
      {"llama-4-scout", "h100-sxm-host", "", {.tp = 4}, 64, 101, 1, 1, 20000, 0},
      // A softmax takes its time a score.
      {"llama-3.1-8b", "h100-8", "attention.unpack=100ps", {}, 64, 101, 1, 1, 4000, 0},
      {"gemma-3-27b", "h100-8", "attention.unpack=100ps", {}, 64, 101, 1, 1, 4000, 0},
      // While a window fills, some of the drafts see less of it than others.
      {"gemma-3-27b", "h100-8", "attention.unpack=100ps", {}, 64, 1000, 1, 1, 40, 15},
      {"glm-5", "h100-8", "attention.unpack=100ps", {.tp = 8}, 64, 2030, 1, 1, 40, 15},
      {"llama-4-scout", "h100-8", "attention.unpack=100ps", {.tp = 8}, 64, 8180, 1, 1, 40, 15},
      // A prompt by chunks.
      {"gemma-3-27b", "h100-8", "attention.unpack=100ps", {}, 64, 1, 300, 300, 40, 0},
      {"glm-5", "h100-sxm-host", "", {.tp = 8}, 64, 1, 300, 300, 90, 0, Format::fp8}};
  for (const Setting& s : settings) {
    const Transformer t = cards::find_model(s.model);
    Machine m = cards::find_machine(s.machine);
    if (*s.set) cards::set_parameter(m, s.set);
    Case c = case_of(t, s.partition, s.batch, s.start);
    c.workload.tokens = s.tokens;
    c.workload.weights = c.workload.experts = c.workload.head = s.weights;
    c.drafts = {s.drafts, 0.8, nullptr, {}};
    const Series series(c, s.stride, s.steps);
    for (const bool ideal : {false, true}) {
      const auto time = Clock{&m, &c, ideal}(series.first());
      double expected = 0;
      for (int i = 0; i < s.steps; ++i) {
        c.workload.context = s.start + i * s.stride;
        expected += time(passes_of(c));
      }
      EXPECT_NEAR(series.sum(time) / expected, 1, 1e-10)
          << s.model << " on " << s.machine << " " << s.set << " " << s.drafts << " " << ideal;
    }
  }
}

TEST(Serving, InstancesMultiplyTheSystemAndNotTheUser) {
  const Transformer t = cards::find_model("llama-3.1-8b");
  ServingQuestion q = question(t, 1000, 200);
  q.space = {2, 1, 1, 1, 16};
  Machine m = machine();
  m.devices = 2;
  const Served two = ServingSearch(m, q).result().points.at(0).now;
  m.devices = 7;  // three instances; a device is idle
  const ServingPoint seven = ServingSearch(m, q).result().points.at(0);
  EXPECT_EQ(seven.pool.instances, 3);
  EXPECT_DOUBLE_EQ(seven.now.stps, 3 * two.stps);
  EXPECT_DOUBLE_EQ(seven.now.tpot, two.tpot);
  EXPECT_DOUBLE_EQ(seven.now.ttft, two.ttft);
}

TEST(Serving, NothingOnTheFrontierIsBeaten) {
  for (const char* model : models) {
    const Transformer t = cards::find_model(model);
    Machine m = machine();
    m.devices = 16;
    for (const bool apart : {false, true}) {
      ServingQuestion q = question(t, 2048, 512);
      q.disaggregate = apart;
      const ServingSearch search(m, q);
      const auto& all = search.result().points;
      const auto best = frontier(all);
      if (all.empty()) continue;  // too large for the machine
      ASSERT_FALSE(best.empty()) << model;
      for (const auto& p : all) {
        bool reached = false;
        for (const auto& b : best) {
          EXPECT_FALSE(p.now.tpot < b.now.tpot && p.now.stps > b.now.stps) << model;
          reached = reached || (b.now.tpot <= p.now.tpot && b.now.stps >= p.now.stps);
        }
        EXPECT_TRUE(reached) << model;
      }
      for (std::size_t i = 1; i < best.size(); ++i) {
        EXPECT_GT(best[i].now.tpot, best[i - 1].now.tpot);
        EXPECT_GT(best[i].now.stps, best[i - 1].now.stps);
      }
    }
  }
}

TEST(Serving, PoolsOfTheirOwnSpareUsersTheWaiting) {
  const Transformer t = cards::find_model("llama-3.1-8b");
  Machine m = machine();
  m.sync_pp_bandwidth.reset();  // links cost nothing
  m.sync_tp_bandwidth.reset();
  ServingQuestion q = question(t, 4096, 256);
  const auto together = ServingSearch(m, q).result().points;
  q.disaggregate = true;
  const auto apart = ServingSearch(m, q).result().points;
  int compared = 0;
  for (const auto& a : together) {
    for (const auto& b : apart) {
      if (a.batch != b.batch || a.pool.partition.tp != b.pool.partition.tp ||
          a.pool.partition.pp != b.pool.partition.pp)
        continue;
      EXPECT_LE(b.now.tpot, a.now.tpot);
      EXPECT_EQ(b.now.transfer - pool_link(m).latency, 0);
      ++compared;
    }
  }
  EXPECT_GT(compared, 20);
}

// Of one decoding point, all ways to prefill and all divisions of the devices.
TEST(Serving, TheDivisionOfTheDevicesIsTheBest) {
  const Transformer t = cards::find_model("llama-3.1-8b");
  Machine m = machine();
  for (const int devices : {2, 5, 16}) {
    m.devices = devices;
    for (const long long input : {100, 3000, 60000}) {
      ServingQuestion q = question(t, input, 300);
      q.disaggregate = true;
      q.space = {1, 1, 1, 1, 8};
      const auto points = ServingSearch(m, q).result().points;
      ASSERT_EQ(points.size(), 1u);
      double best = 0;
      for (int prefilling = 1; prefilling < devices; ++prefilling) {
        q.prefill_devices = prefilling;
        q.decode_devices = devices - prefilling;
        const auto given = ServingSearch(m, q).result().points;
        if (!given.empty()) best = std::max(best, given[0].now.stps);
      }
      EXPECT_DOUBLE_EQ(points[0].now.stps, best) << devices << " " << input;
      EXPECT_LE(points[0].pool.instances +
                    points[0].prefill->instances * points[0].prefill->partition.ranks(),
                devices);
    }
  }
}

TEST(Serving, LimitsOnTimesAreKeptAndTheClosestMissIsTold) {
  const Transformer t = cards::find_model("llama-3.1-8b");
  ServingQuestion q = question(t, 2048, 512);
  const auto all = ServingSearch(machine(), q).result().points;
  q.tpot = 0.012;
  const auto some = ServingSearch(machine(), q).result().points;
  ASSERT_FALSE(some.empty());
  double fastest = INFINITY;
  for (const auto& p : some) EXPECT_LE(p.now.tpot, 0.012);
  for (const auto& p : all) fastest = std::min(fastest, p.now.tpot);
  q.tpot = 1e-6;
  const ServingSearch none(machine(), q);
  EXPECT_TRUE(none.result().points.empty());
  EXPECT_DOUBLE_EQ(none.result().closest.now.tpot, fastest);
}

TEST(Serving, IntervalsHoldTheFiguresAndTheIdealIsNotBeaten) {
  const Transformer t = cards::find_model("llama-3.1-70b");
  ServingQuestion q = question(t, 2048, 512);
  for (const bool apart : {false, true}) {
    q.disaggregate = apart;
    q.like.workload.weights = q.like.workload.experts = apart ? Format::int8 : Format::bf16;
    const ServingSearch search(machine(), q);
    auto points = frontier(search.result().points);
    ASSERT_FALSE(points.empty());
    for (auto& p : points) {
      const Served before = p.now;
      search.add_intervals(p);
      EXPECT_DOUBLE_EQ(p.now.stps, before.stps);
      EXPECT_DOUBLE_EQ(p.now.ttft, before.ttft);
      EXPECT_LT(p.low.tpot, p.high.tpot);
      for (auto f : {&Served::ttft, &Served::tpot, &Served::stps}) {
        EXPECT_LE(p.low.*f, p.now.*f);
        EXPECT_GE(p.high.*f, p.now.*f);
      }
      EXPECT_LE(p.ideal.ttft, p.low.ttft);
      EXPECT_LE(p.ideal.tpot, p.low.tpot);
      EXPECT_GE(p.ideal.stps, p.high.stps);
    }
  }
}

}  // namespace
}  // namespace limen::model
