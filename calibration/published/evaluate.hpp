// What the laws say about a published row: the figure itself, its interval and its limit.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "calibration/published/engine.hpp"
#include "calibration/published/rows.hpp"
#include "model/cards/laws.hpp"

namespace limen::calibration {

struct Evaluation {
  bool predicted = false;
  // In the row's own measure: seconds, or tokens a second of one user. `ideal` cannot be beaten.
  double value = 0, low = 0, high = 0, ideal = 0;
  std::string binding, reason;  // why not predicted, or which laws it rests on
  bool violates = false;        // the measurement beats the ideal limit
  bool unknown_engine = false;  // no law of the engine: that of all engines stood in
};

class Evaluator {
 public:
  // `own`: with the fits of each device and of engines on it; else blind to all that was measured
  // on it (laws_without). `engine`: of every decode row, instead of the one that it names; empty:
  // as it names.
  Evaluator(const cards::Laws& laws, bool own, std::string engine = "")
      : laws_(laws), own_(own), engine_(std::move(engine)) {}
  Evaluation operator()(const PublishedRow& row) const;

 private:
  Evaluation kernel(const PublishedRow& row) const;
  Evaluation decode(const PublishedRow& row) const;

  const cards::Laws& laws_of(const cards::Device& device) const;

  const cards::Laws& laws_;
  bool own_;
  std::string engine_;
  mutable std::map<std::string, cards::Laws, std::less<>> blind_;  // by card
  mutable std::map<std::pair<std::string, std::string>, model::Machine> machines_;
};

}  // namespace limen::calibration
