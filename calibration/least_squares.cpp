#include "calibration/least_squares.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace limen::calibration {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

MatrixXd jacobian(const Residuals& residuals, const VectorXd& at, Index n) {
  MatrixXd j(n, at.size());
  VectorXd x = at, near_plus(n), near_minus(n), far_plus(n), far_minus(n);
  for (Index k = 0; k < at.size(); ++k) {
    // Small beside the features of a law (h^4), large beside rounding (eps/h); a parameter of 0
    // gets an absolute step.
    const double h = std::pow(std::numeric_limits<double>::epsilon(), 0.25) *
                     (at[k] != 0 ? std::abs(at[k]) : 1e-3);
    const auto value = [&](double offset, VectorXd& into) {
      x[k] = at[k] + offset;
      residuals(x, into);
      return x[k] - at[k];  // the step that rounding left
    };
    const double up = value(h, near_plus), down = value(-h, near_minus);
    value(2 * h, far_plus);
    value(-2 * h, far_minus);
    x[k] = at[k];
    j.col(k) = (8 * (near_plus - near_minus) - (far_plus - far_minus)) / (6 * (up - down));
    if (!j.col(k).allFinite()) j.col(k) = (near_plus - near_minus) / (up - down);
    if (!j.col(k).allFinite()) j.col(k).setZero();
  }
  return j;
}

void add_errors(Fit& fit, const MatrixXd& j) {
  const Index n = j.rows(), p = j.cols();
  const double unknown = std::numeric_limits<double>::infinity();
  fit.standard_errors = VectorXd::Constant(p, unknown);
  fit.covariance = MatrixXd::Constant(p, p, unknown);
  fit.condition = unknown;
  fit.sigma = n > p ? std::sqrt(fit.residual_sum / static_cast<double>(n - p)) : 0;
  if (p == 0) return;
  const VectorXd norms = j.colwise().norm();
  if (n <= p || !norms.allFinite()) return;
  const VectorXd units = (norms.array() > 0).select(norms, 1.0);
  const MatrixXd scaled = j * units.cwiseInverse().asDiagonal();
  const Eigen::JacobiSVD<MatrixXd> svd(scaled, Eigen::ComputeThinV);
  const VectorXd s = svd.singularValues();
  // A direction without a singular value is one that the data do not see: every parameter with a
  // part in it is unknown, and the others are as well known as if it were not there.
  VectorXd inverse = VectorXd::Zero(p), unseen = VectorXd::Zero(p);
  for (Index k = 0; k < p; ++k) {
    if (s[k] > s[0] * 1e-15) {
      inverse[k] = 1 / s[k];
    } else {
      unseen += svd.matrixV().col(k).cwiseAbs();
    }
  }
  if (s[p - 1] > 0) fit.condition = s[0] / s[p - 1];
  const MatrixXd root = units.cwiseInverse().asDiagonal() * svd.matrixV() * inverse.asDiagonal();
  fit.covariance = fit.sigma * fit.sigma * root * root.transpose();
  for (Index k = 0; k < p; ++k)
    fit.standard_errors[k] = unseen[k] > 1e-6 ? unknown : std::sqrt(fit.covariance(k, k));
}

}  // namespace

Fit least_squares(const Residuals& residuals, Index n, const VectorXd& start, double tolerance) {
  constexpr int max_steps = 100000;
  const Index p = start.size();
  Fit fit;
  fit.parameters = start;
  fit.residuals.resize(n);
  residuals(fit.parameters, fit.residuals);
  fit.residual_sum = fit.residuals.squaredNorm();
  MatrixXd j = jacobian(residuals, fit.parameters, n);
  if (p == 0 || !std::isfinite(fit.residual_sum)) {
    fit.converged = p == 0;
    add_errors(fit, j);
    return fit;
  }
  VectorXd scale = j.colwise().norm(), trial(n);
  double damping = 1e3, growth = 2;
  MatrixXd system(n + p, p);
  VectorXd right = VectorXd::Zero(n + p);
  for (int step = 0; step < max_steps && !fit.converged; ++step) {
    scale = (0.7 * scale).cwiseMax(j.colwise().norm().transpose());
    const VectorXd safe = (scale.array() > 0).select(scale, 1.0);
    // In units of `safe`: columns of very different size would fool the rank decision of the QR.
    system.topRows(n) = j * safe.cwiseInverse().asDiagonal();
    system.bottomRows(p) = std::sqrt(damping) * MatrixXd::Identity(p, p);
    right.head(n) = -fit.residuals;
    const VectorXd move = system.colPivHouseholderQr().solve(right).cwiseQuotient(safe);
    const VectorXd next = fit.parameters + move;
    residuals(next, trial);
    const double sum = trial.squaredNorm();
    const double foreseen = fit.residual_sum - (fit.residuals + j * move).squaredNorm();
    const bool tiny_move =
        safe.cwiseProduct(move).norm() <= tolerance * safe.cwiseProduct(fit.parameters).norm();
    const double gain =
        std::isfinite(sum) && foreseen > 0 ? (fit.residual_sum - sum) / foreseen : -1;
    fit.converged =
        tiny_move || foreseen <= tolerance * tolerance * fit.residual_sum || fit.residual_sum == 0;
    if (gain > 0) {
      fit.parameters = next;
      fit.residuals = trial;
      fit.residual_sum = sum;
      j = jacobian(residuals, fit.parameters, n);
      damping *= std::max(1.0 / 3, 1 - std::pow(2 * gain - 1, 3));
      growth = 2;
    } else {
      damping *= growth;
      growth *= 2;
      if (damping > 1e300) break;
    }
  }
  add_errors(fit, j);
  return fit;
}

Fit robust_least_squares(const Residuals& residuals, Index n, const VectorXd& start) {
  constexpr double huber = 1.345, to_sigma = 1.4826;
  VectorXd weight_root = VectorXd::Ones(n);
  const Residuals weighted = [&](const VectorXd& x, VectorXd& r) {
    residuals(x, r);
    r = r.cwiseProduct(weight_root);
  };
  Fit fit = least_squares(weighted, n, start);
  for (int round = 0; round < 12; ++round) {
    VectorXd r(n);
    residuals(fit.parameters, r);
    std::vector<double> magnitudes(r.data(), r.data() + n);
    for (double& m : magnitudes) m = std::abs(m);
    std::nth_element(magnitudes.begin(), magnitudes.begin() + n / 2, magnitudes.end());
    const double limit = huber * to_sigma * magnitudes[static_cast<std::size_t>(n / 2)];
    VectorXd next(n);
    for (Index i = 0; i < n; ++i) {
      const double magnitude = std::abs(r[i]);
      next[i] = limit > 0 && magnitude > limit ? std::sqrt(limit / magnitude) : 1;
    }
    const double change = (next - weight_root).cwiseAbs().maxCoeff();
    weight_root = next;
    if (change < 1e-3) break;
    fit = least_squares(weighted, n, fit.parameters);
  }
  residuals(fit.parameters, fit.residuals);
  return fit;
}

}  // namespace limen::calibration
