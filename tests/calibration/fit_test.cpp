#include <gtest/gtest.h>

#include <random>

#include "calibration/least_squares.hpp"
#include "calibration/linear.hpp"
#include "calibration/segments.hpp"

namespace limen::calibration {
namespace {

TEST(RobustLeastSquares, IsNotPulledByOutliers) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  Eigen::VectorXd y(40);
  for (int i = 0; i < 40; ++i) y[i] = 3 + 0.5 * i + 0.05 * normal(random) + (i % 10 == 0 ? 20 : 0);
  const Residuals line = [&](const Eigen::VectorXd& b, Eigen::VectorXd& r) {
    for (int i = 0; i < 40; ++i) r[i] = y[i] - b[0] - b[1] * i;
  };
  const Eigen::VectorXd start = Eigen::Vector2d(0, 0);
  const Fit plain = least_squares(line, 40, start), robust = robust_least_squares(line, 40, start);
  EXPECT_GT(std::abs(plain.parameters[0] - 3), 1);
  EXPECT_NEAR(robust.parameters[0], 3, 0.1);
  EXPECT_NEAR(robust.parameters[1], 0.5, 0.005);
}

TEST(LeastSquares, SaysWhatTheDataDoNotSee) {
  const Residuals blind = [](const Eigen::VectorXd& b, Eigen::VectorXd& r) {
    for (int i = 0; i < 10; ++i) r[i] = i - b[0] * i + 0.01 * (i % 3) + 0 * b[1];
  };
  const Fit fit = least_squares(blind, 10, Eigen::Vector2d(0.5, 7));
  EXPECT_TRUE(std::isfinite(fit.standard_errors[0]));
  EXPECT_TRUE(std::isinf(fit.standard_errors[1]));
  EXPECT_DOUBLE_EQ(fit.parameters[1], 7);
  // Two parameters of which only the sum shows: neither is known.
  const Residuals sum = [](const Eigen::VectorXd& b, Eigen::VectorXd& r) {
    for (int i = 0; i < 10; ++i) r[i] = i - (b[0] + b[1]) * i + 0.01 * (i % 3);
  };
  const Fit twins = least_squares(sum, 10, Eigen::Vector2d(0.2, 0.3));
  EXPECT_TRUE(std::isinf(twins.standard_errors[0]) || twins.standard_errors[0] > 1e3);
}

TEST(LeastSquares, TakesWhatCannotBeFitted) {
  const Residuals never = [](const Eigen::VectorXd&, Eigen::VectorXd& r) {
    r.setConstant(std::nan(""));
  };
  EXPECT_FALSE(least_squares(never, 5, Eigen::Vector2d(1, 1)).converged);
  const Residuals few = [](const Eigen::VectorXd& b, Eigen::VectorXd& r) {
    r[0] = b[0] + b[1] - 1;
  };
  EXPECT_TRUE(std::isinf(least_squares(few, 1, Eigen::Vector2d(1, 1)).standard_errors[0]));
}

// A law of which every term was given or dropped.
TEST(LeastSquares, FitsNothingWhereNothingIsFree) {
  const Residuals given = [](const Eigen::VectorXd&, Eigen::VectorXd& r) { r << 1, -2, 2, 0; };
  for (const Fit& fit : {least_squares(given, 4, {}), robust_least_squares(given, 4, {})}) {
    EXPECT_TRUE(fit.converged);
    EXPECT_EQ(fit.standard_errors.size(), 0);
    EXPECT_DOUBLE_EQ(fit.residuals.squaredNorm(), 9);
  }
}

TEST(Segments, CutsWhereALineBreaksAndNotWhereItDoesNot) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  for (int breaks : {0, 1, 2}) {
    std::vector<double> x, t;
    for (int i = 0; i < 18; ++i) {
      x.push_back(std::pow(2.0, i + 3));
      const int piece = breaks == 0 ? 0 : i / (18 / (breaks + 1));
      const double truth = piece == 0   ? 1 + 0.01 * x.back()
                           : piece == 1 ? 20 + 0.004 * x.back()
                                        : 500 + 0.002 * x.back();
      t.push_back(truth * (1 + 0.01 * normal(random)));
    }
    const Cut cut =
        cut_by_bic(x.size(), {.most = 3, .least_points = 2, .parameters = 2, .noise = 0.02},
                   [&](std::size_t i, std::size_t j) {
                     return fit_line(x, t, {i, j}).squares;
                   });
    EXPECT_EQ(cut.segments.size(), static_cast<std::size_t>(breaks + 1));
    EXPECT_EQ(cut.segments.front().first, 0u);
    EXPECT_EQ(cut.segments.back().last, x.size() - 1);
  }
}

TEST(Segments, OfFewPoints) {
  const auto cost = [](std::size_t, std::size_t) { return 1.0; };
  EXPECT_TRUE(cut_by_bic(0, {}, cost).segments.empty());
  EXPECT_EQ(cut_by_bic(1, {.most = 3, .least_points = 2}, cost).segments.size(), 1u);
}

TEST(Line, StaysPositive) {
  const std::vector<double> x = {1, 2, 4, 8}, falling = {8, 7, 6, 5},
                            through_zero = {0.9, 2.1, 4.2, 8.6};
  EXPECT_EQ(fit_line(x, falling, {0, 3}).slope, 0);
  EXPECT_GE(fit_line(x, through_zero, {0, 3}).intercept, 0);
  const Line exact = fit_line(x, {3, 5, 9, 17}, {0, 3});
  EXPECT_NEAR(exact.intercept, 1, 1e-12);
  EXPECT_NEAR(exact.slope, 2, 1e-12);
}

TEST(LinearLaw, IsFittedExactlyWithoutNoise) {
  LinearFit truth;
  truth.value = {0.8, 3e-6, 10e-12, 200e9};
  const Ceilings ceilings{50e9, 400e9};
  std::vector<Product> products;
  int shape = 0;
  for (double n : {512.0, 1024.0, 4096.0, 8192.0}) {
    for (double tokens : {1.0, 2.0, 8.0, 32.0})
      products.push_back({n * n, tokens, n * n, 0, true, shape});
    ++shape;
  }
  for (Product& p : products) p.seconds = predict(truth, p, ceilings);
  const LinearFit fit = fit_linear_law(products, ceilings);
  for (std::size_t t = 0; t < 4; ++t)
    EXPECT_NEAR(fit.value[t].value() / truth.value[t].value(), 1, 1e-6) << t;
}

// Products whose memory and arithmetic overlap as p says; 0: wholly.
std::vector<Product> overlapping(double p) {
  std::vector<Product> products;
  int shape = 0;
  for (const double weights : {1e6, 16e6, 60e6}) {
    for (const double tokens : {1.0, 2.0, 4.0, 8.0, 16.0, 64.0}) {
      const double memory = 2 * weights / 60e9, compute = 2 * weights * tokens / 400e9;
      const double both = p == 0 ? std::max(memory, compute)
                                 : std::pow(std::pow(memory, p) + std::pow(compute, p), 1 / p);
      products.push_back({weights, tokens, 2 * weights, 1e-6 + both, true, shape});
    }
    ++shape;
  }
  return products;
}

TEST(LinearLaw, TellsHowMemoryAndArithmeticOverlap) {
  for (const double p : {1.05, 1.5, 3.0}) {
    const LinearFit fit = fit_linear_law(overlapping(p), {70e9, 500e9});
    ASSERT_TRUE(fit.value[4]) << p;
    EXPECT_NEAR(*fit.value[4], p, 0.05 * p);
    EXPECT_NEAR(*fit.value[0], 60.0 / 70, 0.02);
    EXPECT_NEAR(*fit.value[3], 400e9, 10e9);
  }
  const LinearFit fit = fit_linear_law(overlapping(0), {70e9, 500e9});
  EXPECT_FALSE(fit.value[4]) << "where the greater of both fits, nothing else is asked for";
}

}  // namespace
}  // namespace limen::calibration
