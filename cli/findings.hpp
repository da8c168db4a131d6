// Claims about what limits decoding, each as an experiment that is computed: its figures, whether
// it holds by thresholds that are stated, and what would turn the verdict.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "model/energy.hpp"
#include "model/limits.hpp"

namespace limen::cli {

struct Figure {
  std::string what;
  double value;
  std::string unit;
};

enum class Verdict { holds, in_part, fails, unknown };

struct Finding {
  std::string claim;
  std::string hardware;
  std::string experiment;
  std::vector<Figure> figures;
  std::string rule;  // the thresholds
  Verdict verdict = Verdict::unknown;
  std::vector<std::string> flips;
};

// Where an experiment runs: on the limits of hypothetical machines, or on one machine's measured
// efficiencies.
struct Bench {
  bool measured = false;
  model::Machine machine;    // the one that is looked at
  model::Transformer model;  // the largest of a list that fits
  model::Format format = model::Format::fp8;

  double utps(const model::Machine& m, const model::Case& c) const;  // 0 if it does not fit
  const model::Step& step(const model::Prediction& p) const { return measured ? p.step : p.ideal; }
  model::Case at(const model::Transformer& t, double batch, double context, int tp) const {
    return {&t,
            {batch, context, format, format == model::Format::fp8 ? format : model::Format::bf16},
            {.tp = tp}};
  }
  // Degrees of tensor parallelism that the experiments go through.
  std::vector<int> degrees(const model::Machine& m) const;
  // Calls f(case) for each partition that fits the machine's devices: powers of two over tensor
  // parallelism and stages.
  template <class F>
  void for_each_partition(const model::Machine& m, const model::Transformer& t, double batch,
                          double context, F&& f) const {
    const int most = m.devices * m.ranks_per_device;
    for (int tp = 1; tp <= most; tp *= 2) {
      for (int pp = 1; tp * pp <= most && pp <= t.layers(); pp *= 2) {
        model::Case c = at(t, batch, context, tp);
        c.partition.pp = pp;
        f(c);
      }
    }
  }
  // The fastest case for one user, and its rate; 0 if nothing fits.
  std::pair<double, model::Case> best(const model::Machine& m, const model::Transformer& t,
                                      double context) const;
  std::string hardware() const;
};
Bench ideal_bench();
// Throws Error if no model of the list fits on it.
Bench measured_bench(const model::Machine& machine);

// Hypothetical machines of these names; on a measured bench with the efficiencies, fixed times and
// collectives of its machine, as if no more were reached of them.
std::vector<model::Machine> hypothetical(const Bench& bench,
                                         std::initializer_list<const char*> names);
// "3.2x", or "no factor" if it is infinite.
std::string times(double factor);

Finding dram_wins(const Bench& bench);
// The five claims of the talk, and those of the paper.
std::vector<Finding> talk_findings(const Bench& bench);
std::vector<Finding> paper_findings(const Bench& bench);

// holds if the share is at least `most`, in part if at least `some`.
constexpr Verdict by_share(double share, double most, double some) {
  return share >= most ? Verdict::holds : share >= some ? Verdict::in_part : Verdict::fails;
}

}  // namespace limen::cli
