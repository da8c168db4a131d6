// The law of a linear layer as plain numbers, for fitting.
#pragma once

#include <limits>
#include <array>
#include <optional>
#include <vector>

namespace limen::calibration {

// One product of a matrix of `weights` with `tokens` columns.
struct Product {
  double weights = 0, tokens = 1, bytes = 0, seconds = 0;
  bool cold = true;  // weights come from memory, else from a cache
  int shape = 0;     // which matrix; folds are by shape
};

// The five terms, in the order of model::LinearLaw: efficiency, fixed, unpack, rate, overlap. One
// that is not free is ideal.
struct LinearFit {
  static constexpr int terms = 5;
  std::array<std::optional<double>, terms> value;
  std::array<double, terms> log_error{};     // standard errors of the logarithms
  std::array<const char*, terms> dropped{};  // why a term was found unidentified, or null
  double above = 0;  // the efficiency that was fitted, if it was above 1 and is held there
  double cost = 0;
};

struct Ceilings {
  double bandwidth = 0;  // bytes/s
  double peak = 0;       // flops/s; 0: unknown
  // Seconds a weight that one token takes when the weights come from a cache: arithmetic that takes
  // longer when they come from memory is none, whatever fits.
  double arithmetic = std::numeric_limits<double>::infinity();
};

double predict(const LinearFit& fit, const Product& product, const Ceilings& ceilings);

// Fits all terms, and drops one after the other what the data cannot tell.
LinearFit fit_linear_law(const std::vector<Product>& products, const Ceilings& ceilings);
// Fits the terms that `like` has, from its values on.
LinearFit refit_linear_law(const std::vector<Product>& products, const Ceilings& ceilings,
                           const LinearFit& like);

}  // namespace limen::calibration
