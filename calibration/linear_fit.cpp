#include <algorithm>
#include <cmath>

#include "calibration/least_squares.hpp"
#include "calibration/linear.hpp"
#include "model/predict.hpp"

namespace limen::calibration {

namespace {

constexpr double better = 0.95;  // a cost that is worth another law

enum Term { efficiency, fixed, unpack, rate, overlap };

struct Terms {
  double memory, fixed, compute;  // seconds
};

Terms terms_of(const LinearFit& fit, const Product& p, const Ceilings& ceilings) {
  const double peak_time = ceilings.peak > 0 ? 1 / ceilings.peak : 0;
  return {p.cold ? p.bytes / (fit.value[efficiency].value_or(1) * ceilings.bandwidth) : 0,
          fit.value[fixed].value_or(0),
          p.weights * fit.value[unpack].value_or(0) +
              2 * p.weights * p.tokens * (fit.value[rate] ? 1 / *fit.value[rate] : peak_time)};
}

double together(const LinearFit& fit, double memory, double compute) {
  return model::overlapped(model::seconds(memory), model::seconds(compute),
                           fit.value[overlap].value_or(0))
      .in(model::seconds);
}

struct Start {
  double unpack_share, rate_factor;
};

// A guess of every term from the products that it shows in most.
LinearFit guess(const std::vector<Product>& products, const Ceilings& ceilings,
                const Start& start) {
  LinearFit g;
  double shortest = INFINITY, least_per_weight = INFINITY, fastest = 0, efficient = 0;
  for (const Product& p : products) {
    shortest = std::min(shortest, p.seconds);
    least_per_weight = std::min(least_per_weight, p.seconds / p.weights);
    fastest = std::max(fastest, 2 * p.weights * p.tokens / p.seconds);
    if (p.cold) efficient = std::max(efficient, p.bytes / p.seconds / ceilings.bandwidth);
  }
  g.value = {efficient > 0 ? efficient : 1,
             shortest * 0.2,
             least_per_weight * start.unpack_share,
             fastest * start.rate_factor,
             {}};
  return g;
}

}  // namespace

double predict(const LinearFit& fit, const Product& product, const Ceilings& ceilings) {
  const Terms t = terms_of(fit, product, ceilings);
  return t.fixed + together(fit, t.memory, t.compute);
}

LinearFit refit_linear_law(const std::vector<Product>& products, const Ceilings& ceilings,
                           const LinearFit& like) {
  // All are fitted as logarithms; of an overlap, which is 1 or more, what is above 1.
  constexpr double most_overlap = 50;
  const auto least = [](int term) { return term == overlap ? 1.0 : 0.0; };
  std::vector<int> free;
  for (int t = 0; t < LinearFit::terms; ++t)
    if (like.value[static_cast<std::size_t>(t)] && !(t == efficiency && like.above > 0))
      free.push_back(t);
  Eigen::VectorXd start(static_cast<Eigen::Index>(free.size()));
  for (std::size_t k = 0; k < free.size(); ++k) {
    const double value = *like.value[static_cast<std::size_t>(free[k])];
    start[static_cast<Eigen::Index>(k)] =
        std::log(std::max(value - least(free[k]), 1e-3 * least(free[k])));
  }
  LinearFit fit = like;
  const auto unpack_into = [&](const Eigen::VectorXd& x) {
    for (std::size_t k = 0; k < free.size(); ++k)
      fit.value[static_cast<std::size_t>(free[k])] =
          least(free[k]) + std::exp(x[static_cast<Eigen::Index>(k)]);
    if (fit.value[unpack]) *fit.value[unpack] = std::min(*fit.value[unpack], ceilings.arithmetic);
    if (fit.value[overlap]) *fit.value[overlap] = std::min(*fit.value[overlap], most_overlap);
  };
  const Residuals residuals = [&](const Eigen::VectorXd& x, Eigen::VectorXd& r) {
    unpack_into(x);
    for (std::size_t i = 0; i < products.size(); ++i)
      r[static_cast<Eigen::Index>(i)] =
          std::log(predict(fit, products[i], ceilings) / products[i].seconds);
  };
  const Fit solved =
      robust_least_squares(residuals, static_cast<Eigen::Index>(products.size()), start);
  unpack_into(solved.parameters);
  fit.log_error.fill(0);
  for (std::size_t k = 0; k < free.size(); ++k)
    fit.log_error[static_cast<std::size_t>(free[k])] =
        solved.standard_errors[static_cast<Eigen::Index>(k)];
  if (fit.value[overlap])  // at its bound it is no longer free
    fit.log_error[overlap] =
        *fit.value[overlap] < 1.01 ? 0 : fit.log_error[overlap] * (1 - 1 / *fit.value[overlap]);
  fit.cost = solved.residuals.cwiseAbs().sum();
  return fit;
}

namespace {

// The largest part of any product's time that a term takes.
double largest_share(const LinearFit& fit, int term, const std::vector<Product>& products,
                     const Ceilings& ceilings) {
  double largest = 0;
  for (const Product& p : products) {
    const Terms t = terms_of(fit, p, ceilings);
    const bool compute_binds = t.compute >= t.memory;
    const double whole = together(fit, t.memory, t.compute);
    const double seconds[] = {
        compute_binds ? 0 : t.memory, t.fixed,
        compute_binds ? p.weights * fit.value[unpack].value_or(0) : 0,
        compute_binds ? 2 * p.weights * p.tokens / fit.value[rate].value_or(INFINITY) : 0,
        whole - std::max(t.memory, t.compute)};
    largest = std::max(largest, seconds[term] / (t.fixed + whole));
  }
  return largest;
}

struct Weakness {
  int term;
  const char* why;
};

// The term that the data can tell least of all, if there is one that they cannot tell.
std::optional<Weakness> weakest(const LinearFit& fit, const std::vector<Product>& products,
                                const Ceilings& ceilings) {
  std::optional<Weakness> found;
  double worst = 1;  // the standard error of a logarithm: beyond it even the magnitude is open
  for (int term : {overlap, efficiency, fixed, unpack, rate}) {
    const auto t = static_cast<std::size_t>(term);
    if (!fit.value[t] || (term == efficiency && fit.above > 0)) continue;
    if (largest_share(fit, term, products, ceilings) < 0.02)
      return Weakness{term, "its term is nowhere 2 % of the time"};
    // The rate goes first where two terms cannot be told apart: its ideal, the peak, is known, and
    // the unpacking then takes what is left.
    if (fit.log_error[t] > 1 && fit.log_error[t] >= 0.5 * worst) {
      worst = fit.log_error[t];
      found = Weakness{term, "its standard error is as large as its value"};
    }
  }
  return found;
}

// From several starts. The first of them lets memory explain everything; where arithmetic explains
// the same as well, memory is believed.
LinearFit best_of_starts(const std::vector<Product>& products, const Ceilings& ceilings,
                         std::optional<double> overlapping, bool unpacking) {
  const auto from = [&](const Start& start) {
    LinearFit g = guess(products, ceilings, start);
    g.value[overlap] = overlapping;
    if (!unpacking) g.value[unpack].reset();
    return refit_linear_law(products, ceilings, g);
  };
  LinearFit best = from({0.05, 10});
  for (const Start& start : {Start{0.9, 1.2}, {0.5, 1.2}, {0.1, 1.2}}) {
    const LinearFit fit = from(start);
    if (fit.cost < better * best.cost) best = fit;
  }
  return best;
}

}  // namespace

LinearFit fit_linear_law(const std::vector<Product>& products, const Ceilings& ceilings) {
  // The law has a kink, and the fit may end on the wrong side of it. That memory and arithmetic
  // hide behind each other wholly is believed until a power mean of them fits better.
  LinearFit best = best_of_starts(products, ceilings, {}, true);
  best.dropped[overlap] = "the greater of memory and arithmetic fits as well";
  // By the Bayesian criterion for errors of Laplace's distribution: n log(cost) + terms log(n).
  const double n = static_cast<double>(products.size());
  // Where both add up, unpacking is as if there were more bytes: a law without it is tried as well.
  const double worth = std::exp(-std::log(n) / n);
  for (const bool unpacking : {false, true}) {
    LinearFit fit = best_of_starts(products, ceilings, 2, unpacking);
    if (!unpacking) fit.dropped[unpack] = "an overlap of memory and arithmetic fits as well";
    if (fit.cost < (unpacking || best.value[overlap] ? worth : 1) * best.cost) best = fit;
  }
  // Physics: no product reads faster than the memory; the other terms must not lean on it.
  if (best.value[efficiency] && *best.value[efficiency] > 1) {
    best.above = *best.value[efficiency];
    best.value[efficiency] = 1;
    best = refit_linear_law(products, ceilings, best);
  }
  while (const auto weak = weakest(best, products, ceilings)) {
    best.dropped[static_cast<std::size_t>(weak->term)] = weak->why;
    best.value[static_cast<std::size_t>(weak->term)].reset();
    best = refit_linear_law(products, ceilings, best);
  }
  return best;
}

}  // namespace limen::calibration
