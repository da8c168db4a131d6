// The model in the page is the model: 2,000 random cases, natively and in WebAssembly, bit by bit.
// And the committed WebAssembly is what the sources give.
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include <gtest/gtest.h>

#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "report/page/wasm/flat.hpp"
#include "report/page/wasm/page_model.hpp"
#include "tests/cli/command.hpp"

namespace limen::page {
namespace {

using namespace model;
namespace fs = std::filesystem;

constexpr int golden_points = 2000;
const std::string built = std::string(LIMEN_SOURCE_DIR) + "/report/page/built/";

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Random choices that are the same with every standard library.
class Dice {
 public:
  int below(int n) { return static_cast<int>(engine_() % static_cast<unsigned long>(n)); }
  double power_of_two(int least, int most) {
    const double share = static_cast<double>(engine_() >> 11) / 9007199254740992.0;
    return std::exp2(least + (most - least) * share);
  }
  template <class T>
  const auto& of(const T& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(std::size(list))))];
  }

 private:
  std::mt19937_64 engine_{20261124};
};

// The machines that the page offers, some with a serving engine, and a calibrated one.
std::vector<Machine> machines() {
  std::vector<Machine> out = {cards::find_machine(std::string(LIMEN_SOURCE_DIR) +
                                                  "/results/data/epyc-2core-quick/machine.toml")};
  for (const auto& name : cards::machine_names()) {
    for (const char* engine : {"ideal", "none", "vllm"}) {
      const Machine m = cards::with_laws(cards::find_machine(name), cards::built_in_laws(), engine);
      if (m.memory_bandwidth) out.push_back(m);
    }
  }
  return out;
}

Case random_case(Dice& dice, const Machine& m, const Transformer& t) {
  Workload w{double(1 << dice.below(11)), double(128 + dice.below(1 << 17)),
             dice.of(weight_formats), dice.of(kv_formats)};
  w.experts = dice.below(4) == 0 ? dice.of(weight_formats) : w.weights;
  w.head = dice.below(4) == 0 ? dice.of(weight_formats) : w.weights;
  Partition p;
  while (p.tp < m.devices * m.ranks_per_device && dice.below(3) > 0) p.tp *= 2;
  while (2 * p.pp <= t.layers() && dice.below(4) == 0) p.pp *= 2;
  if (t.expert_parameters() > 0)
    while (p.ep < p.tp && dice.below(3) > 0) p.ep *= 2;
  return {&t, w, p};
}

// What went into the page's model and what came out, for the replay in WebAssembly: a call, its two
// counts, whether functions of libm had a part in it, then the numbers.
class Script {
 public:
  enum Call { machine, transformer, predict, elasticities, map, frontier };
  bool transcendental = false;  // of what is added from now on
  void add(Call call, const std::vector<double>& in, int out, int columns = 0, int rows = 0) {
    for (double v : {double(call), double(columns), double(rows), double(transcendental),
                     double(in.size()), double(out)})
      numbers_.push_back(v);
    numbers_.insert(numbers_.end(), in.begin(), in.end());
    numbers_.insert(numbers_.end(), page_output(), page_output() + out);
  }
  void write(const fs::path& file) const {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(numbers_.data()),
              static_cast<std::streamsize>(numbers_.size() * sizeof(double)));
  }

 private:
  std::vector<double> numbers_;
};

void put(const std::vector<double>& row) { std::copy(row.begin(), row.end(), page_input()); }

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// Whether a prediction calls exp, log, log1p or lgamma, whose last bit is each C library's own: the
// spread of tokens over experts, overlap of memory and arithmetic, more ranks than were fitted. All
// else is arithmetic that IEEE 754 defines to the bit.
bool calls_libm(const Machine& m, const Case& c, const Prediction& p) {
  const Rates r = rates(m, c, passes_of(c)).model;
  bool overlaps = false;
  for (const auto& part : r.parts) overlaps |= part.overlap != 0;
  return overlaps || p.extrapolated || c.transformer->expert_parameters() > 0;
}

// Plays the golden points natively. Each prediction is also held against the model's own, on the
// machine itself: nothing may be lost on the way through the row of numbers.
Script golden() {
  Script script;
  Dice dice;
  const auto all = machines();
  std::vector<Transformer> models;
  for (const auto& name : cards::model_names()) models.push_back(cards::find_model(name));
  int fit = 0;
  for (int i = 0; i < golden_points; ++i) {
    const Machine& m = dice.of(all);
    const Transformer& t = dice.of(models);
    const Case c = random_case(dice, m, t);
    Factors f;
    if (dice.below(2) == 0) f.bandwidth = dice.power_of_two(-3, 6);
    if (dice.below(2) == 0) f.latency = dice.power_of_two(-8, 4);
    if (dice.below(4) == 0) f.compute = dice.power_of_two(-3, 6);
    if (dice.below(4) == 0) f.fixed = dice.power_of_two(-6, 4);
    if (dice.below(4) == 0) f.capacity = dice.power_of_two(-3, 6);
    Machine scaled = m;
    scale(scaled, f);
    const Prediction p = model::predict(scaled, c);
    script.transcendental = calls_libm(scaled, c, p);
    auto in = to_row(m);
    put(in);
    page_machine(0);
    script.add(Script::machine, in, 0);
    in = to_row(t);
    put(in);
    page_transformer();
    script.add(Script::transformer, in, 0);
    in = to_row(c, f);
    put(in);
    script.add(Script::predict, in, page_predict(0));
    const double* const out = page_output();
    EXPECT_TRUE(out[0] == double(p.fits) && same_bits(out[1], p.utps) &&
                same_bits(out[2], p.utps_low) && same_bits(out[3], p.utps_high) &&
                same_bits(out[4], p.utps_ideal) && same_bits(out[5], p.stps))
        << m.name << ", " << t.name << ": " << out[1] << " is not " << p.utps;
    fit += p.fits;
    if (i % 10 == 0) script.add(Script::elasticities, in, page_elasticities(0));
    if (i % 50 == 0) {
      auto grid = in;
      for (double x : {0.25, 1.0, 3.0, 64.0}) grid.push_back(x);
      for (double y : {0.1, 1.0, 9.0}) grid.push_back(y);
      put(grid);
      script.add(Script::map, grid, page_map(0, 4, 3), 4, 3);
      script.transcendental = true;  // its partitions may be larger than what was fitted
      script.add(Script::frontier, in, page_frontier(0));
    }
  }
  EXPECT_GT(fit, golden_points / 10);  // not all of them impossible
  EXPECT_LT(fit, golden_points);
  return script;
}

TEST(PageModel, AgreesWithTheNativeOneBitForBit) {
  const Script script = golden();
  if (std::strlen(LIMEN_NODE) == 0) GTEST_SKIP() << "node (package nodejs) is not installed";
  const fs::path file = fs::path(testing::TempDir()) / "limen_golden_points";
  script.write(file);
  const auto r = tests::run_program(
      LIMEN_NODE, {"node", std::string(LIMEN_SOURCE_DIR) + "/tests/report/replay.mjs",
                   built + "model.wasm", file.string()});
  fs::remove(file);
  EXPECT_EQ(r.code, 0) << r.out << r.err;
  std::printf("%s", r.out.c_str());
}

TEST(PageModel, TheCommittedOneIsWhatTheSourcesGive) {
  if (std::strlen(LIMEN_EMCC) == 0) GTEST_SKIP() << "emcc (package emscripten) is not installed";
  const fs::path folder = fs::path(testing::TempDir()) / "limen_page_build";
  fs::remove_all(folder);
  const auto r = tests::run_program(std::string(LIMEN_SOURCE_DIR) + "/report/page/build.sh",
                                    {"build.sh", "wasm", folder.string()});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto version = text_of(folder / "emcc-version.txt"),
             committed = text_of(built + "emcc-version.txt");
  const bool same = text_of(folder / "model.wasm") == text_of(built + "model.wasm");
  fs::remove_all(folder);
  if (version != committed)
    GTEST_SKIP() << "emcc here is " << version << "the committed model is of " << committed;
  EXPECT_TRUE(same) << "the model has changed: run report/page/build.sh and commit what it builds";
}

}  // namespace
}  // namespace limen::page
