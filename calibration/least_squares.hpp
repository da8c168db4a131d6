// Nonlinear least squares: Levenberg-Marquardt with a covariance, and a robust form of it.
//
// The damping follows Nielsen (it falls smoothly with the quality of a step) and starts high, lest
// the first step lands on a plateau; it is scaled by column norms that are forgotten slowly, so
// that parameters of any magnitude are damped alike. Every step solves the augmented system by QR:
// the normal equations would square the condition number. Derivatives are differences of fourth
// order, so that a law is written once, as the formula that it is.
#pragma once

#include <functional>
#include <limits>

#include <Eigen/Dense>

namespace limen::calibration {

// Fills `residuals` (sized before) from the parameters. A residual that is not finite rejects the
// step.
using Residuals =
    std::function<void(const Eigen::VectorXd& parameters, Eigen::VectorXd& residuals)>;

struct Fit {
  Eigen::VectorXd parameters;
  Eigen::VectorXd residuals;        // not weighted
  Eigen::VectorXd standard_errors;  // infinite where the data say nothing
  Eigen::MatrixXd covariance;       // valid if all standard errors are finite
  double residual_sum = 0;          // of (weighted) squares
  double sigma = 0;                 // residual standard deviation
  double condition = 0;             // of the Jacobian with columns of norm 1
  bool converged = false;
};

// `tolerance`: of a step, relative to the parameters; the last digit by default.
Fit least_squares(const Residuals& residuals, Eigen::Index n, const Eigen::VectorXd& start,
                  double tolerance = 1e-14);

// The same with Huber's weights, at 1.345 robust standard deviations: outliers pull with bounded
// force.
Fit robust_least_squares(const Residuals& residuals, Eigen::Index n, const Eigen::VectorXd& start);

}  // namespace limen::calibration
