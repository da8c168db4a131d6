// Measurements of one or several runs, pooled: what the laws are fitted to.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "results/statistics.hpp"
#include "results/store.hpp"

namespace limen::calibration {

// One case (probe and parameters) with its samples as they cluster: by run, and in it by visit.
struct Observation {
  std::string probe;
  results::Parameters parameters;
  model::Work work;
  std::vector<std::vector<results::Visit>> runs;
  double seconds = 0;  // median of all samples, but for those that other work disturbed
  double watts = 0;    // drawn meanwhile, the median of the visits that nobody shared; 0: not told
  double best = 0;     // the least median of a visit: sustained, where a least sample is a fluke
  // Of the logarithms of the medians of visits, where only one was made: as other cases have it.
  double unseen_spread = 0;

  double number(const std::string& key) const;  // 0 if there is none
  std::string word(const std::string& key) const;
  bool is(const std::string& key, const std::string& value) const { return word(key) == value; }
  double bytes() const { return work.moved().in(model::bytes); }
};

struct Observations {
  std::vector<Observation> all;
  std::vector<std::string> notes;  // what was left out, and why
  int processing_units = 0;        // used by the runs; 0: unknown
  bool of_gpus = false;            // a device is a GPU, several of them in a node; else a host

  using Cases = std::vector<const Observation*>;
  template <class F>
  Cases where(const std::string& probe, F&& holds) const {
    Cases found;
    for (const Observation& o : all)
      if (o.probe == probe && holds(o)) found.push_back(&o);
    return found;
  }
  Cases of(const std::string& probe) const;
};
using Cases = Observations::Cases;

// Leaves out what is Invalid, and what was measured on an emulated device or with more ranks than
// cores. Runs of different hosts are pooled under protest.
Observations gather(const std::vector<results::Run>& runs);

double largest(const Cases& cases, const std::string& key);

// An estimate from the times of cases, in their order: any number of values.
using Estimate = std::function<std::vector<double>(const std::vector<double>& seconds)>;

// The times that the cases were observed to take.
std::vector<double> seconds_of(const Cases& cases);

// 90 % intervals of the values, by a cluster bootstrap: runs are drawn, in them visits, and a drawn
// visit comes with all its samples, because samples of one visit share its luck. Where there was
// one visit only, the spread that it cannot show is drawn on top. The seed is fixed: the same runs
// give the same machine.
std::vector<results::Interval> bootstrap(const Cases& cases, const Estimate& estimate);

}  // namespace limen::calibration
