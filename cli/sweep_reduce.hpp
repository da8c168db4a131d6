// What is left of a grid that is too large to print: counts, extremes, quantiles, the best. All of
// it is independent of the order in which configurations come, so of threads and ranks.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/sweep_select.hpp"

namespace limen::cli {

// A value and where it was; among equal values the first configuration is the better one.
struct Found {
  double value = 0;
  std::uint64_t index = 0;
};

// Positive numbers counted in bins as narrow as 1/512 of their value: quantiles to 0.1 %.
class Sketch {
 public:
  void add(double v, std::uint64_t index);
  void merge(const Sketch& other);

  std::uint64_t count() const { return count_; }
  Found least() const { return least_; }
  Found most() const { return most_; }
  double quantile(double share) const;  // 0 if nothing was added

 private:
  static constexpr int lowest = -40, highest = 60;  // powers of two
  static constexpr int fine = 512;
  std::uint64_t count_ = 0;
  Found least_, most_;
  std::array<std::uint64_t, (highest - lowest) * fine> bins_{};
};

class Reducer {
 public:
  // `best`: how many of the largest `by` are kept; 0: a summary of all figures that need a fit.
  Reducer(std::size_t best, const Metric& by);

  void add(const model::Figures& f, std::size_t i, std::uint64_t index);
  void seen(std::uint64_t n) { seen_ += n; }  // selected or not
  void merge(const Reducer& other);

  std::vector<Found> best() const;  // the largest first
  std::uint64_t seen() const { return seen_; }
  std::uint64_t selected() const { return selected_; }
  std::uint64_t fitting() const { return fitting_; }
  std::uint64_t bound_by(model::Limit l) const { return bound_by_[std::size_t(l)]; }
  const std::vector<Sketch>& sketches() const { return sketches_; }  // of summarized()
  static std::vector<const Metric*> summarized();

  // For another process that has the same grid and options.
  std::string packed() const;
  static Reducer unpacked(const std::string& bytes, std::size_t best, const Metric& by);

 private:
  std::size_t keep_;
  const Metric* by_;
  std::vector<Found> heap_;  // its front is the worst of the kept
  std::uint64_t seen_ = 0, selected_ = 0, fitting_ = 0;
  std::array<std::uint64_t, 4> bound_by_{};
  std::vector<Sketch> sketches_;
};

}  // namespace limen::cli
