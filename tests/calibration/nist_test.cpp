// The fitter against the nonlinear reference problems of NIST, from both starting points that NIST
// gives.
#include "calibration/least_squares.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace limen::calibration {
namespace {

using B = const Eigen::VectorXd&;
using X = const std::vector<double>&;
using Model = double (*)(B, X);

double peaks(B b, X x) {
  const auto bell = [&](int i) {
    return b[i] * std::exp(-std::pow((x[0] - b[i + 1]) / b[i + 2], 2));
  };
  return b[0] * std::exp(-b[1] * x[0]) + bell(2) + bell(5);
}
double decays(B b, X x) {
  return b[0] * std::exp(-b[1] * x[0]) + b[2] * std::exp(-b[3] * x[0]) +
         b[4] * std::exp(-b[5] * x[0]);
}
double cubic_ratio(B b, X x) {
  return (b[0] + x[0] * (b[1] + x[0] * (b[2] + x[0] * b[3]))) /
         (1 + x[0] * (b[4] + x[0] * (b[5] + x[0] * b[6])));
}
double chwirut(B b, X x) { return std::exp(-b[0] * x[0]) / (b[1] + b[2] * x[0]); }
double cycles(B b, X x) {
  const double turn = 2 * M_PI * x[0];
  return b[0] + b[1] * std::cos(turn / 12) + b[2] * std::sin(turn / 12) +
         b[4] * std::cos(turn / b[3]) + b[5] * std::sin(turn / b[3]) +
         b[7] * std::cos(turn / b[6]) + b[8] * std::sin(turn / b[6]);
}

const std::map<std::string, Model> models = {
    {"Bennett5", [](B b, X x) { return b[0] * std::pow(b[1] + x[0], -1 / b[2]); }},
    {"BoxBOD", [](B b, X x) { return b[0] * (1 - std::exp(-b[1] * x[0])); }},
    {"Chwirut1", chwirut},
    {"Chwirut2", chwirut},
    {"DanWood", [](B b, X x) { return b[0] * std::pow(x[0], b[1]); }},
    {"ENSO", cycles},
    {"Eckerle4",
     [](B b, X x) { return b[0] / b[1] * std::exp(-0.5 * std::pow((x[0] - b[2]) / b[1], 2)); }},
    {"Gauss1", peaks},
    {"Gauss2", peaks},
    {"Gauss3", peaks},
    {"Hahn1", cubic_ratio},
    {"Kirby2",
     [](B b, X x) {
       return (b[0] + x[0] * (b[1] + x[0] * b[2])) / (1 + x[0] * (b[3] + x[0] * b[4]));
     }},
    {"Lanczos1", decays},
    {"Lanczos2", decays},
    {"Lanczos3", decays},
    {"MGH09",
     [](B b, X x) {
       return b[0] * (x[0] * x[0] + x[0] * b[1]) / (x[0] * x[0] + x[0] * b[2] + b[3]);
     }},
    {"MGH10", [](B b, X x) { return b[0] * std::exp(b[1] / (x[0] + b[2])); }},
    {"MGH17",
     [](B b, X x) { return b[0] + b[1] * std::exp(-x[0] * b[3]) + b[2] * std::exp(-x[0] * b[4]); }},
    {"Misra1a", [](B b, X x) { return b[0] * (1 - std::exp(-b[1] * x[0])); }},
    {"Misra1b", [](B b, X x) { return b[0] * (1 - std::pow(1 + b[1] * x[0] / 2, -2)); }},
    {"Misra1c", [](B b, X x) { return b[0] * (1 - std::pow(1 + 2 * b[1] * x[0], -0.5)); }},
    {"Misra1d", [](B b, X x) { return b[0] * b[1] * x[0] / (1 + b[1] * x[0]); }},
    {"Nelson", [](B b, X x) { return b[0] - b[1] * x[0] * std::exp(-b[2] * x[1]); }},  // of log y
    {"Rat42", [](B b, X x) { return b[0] / (1 + std::exp(b[1] - b[2] * x[0])); }},
    {"Rat43", [](B b, X x) { return b[0] / std::pow(1 + std::exp(b[1] - b[2] * x[0]), 1 / b[3]); }},
    {"Roszman1",
     [](B b, X x) { return b[0] - b[1] * x[0] - std::atan(b[2] / (x[0] - b[3])) / M_PI; }},
    {"Thurber", cubic_ratio},
};

struct Problem {
  Eigen::VectorXd start[2], certified, errors;
  std::vector<double> y;
  std::vector<std::vector<double>> x;
};

Problem read_problem(const std::string& name) {
  std::ifstream in(std::string(LIMEN_SOURCE_DIR) + "/tests/calibration/nist/" + name + ".dat");
  std::vector<std::vector<double>> parameters;
  Problem problem;
  int data_headings = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string first, equals;
    if (line.rfind("Data:", 0) == 0) {
      ++data_headings;  // the first describes the data, the second opens the table
    } else if (data_headings == 2) {
      std::vector<double> row;
      for (double v; words >> v;) row.push_back(v);
      if (row.size() < 2) continue;
      problem.y.push_back(name == "Nelson" ? std::log(row[0]) : row[0]);
      problem.x.emplace_back(row.begin() + 1, row.end());
    } else if (words >> first >> equals && first[0] == 'b' && equals == "=") {
      std::vector<double> row;
      for (double v; words >> v;) row.push_back(v);
      parameters.push_back(row);
    }
  }
  const auto column = [&](std::size_t c) {
    Eigen::VectorXd values(static_cast<Eigen::Index>(parameters.size()));
    for (std::size_t i = 0; i < parameters.size(); ++i)
      values[static_cast<Eigen::Index>(i)] = parameters[i].at(c);
    return values;
  };
  problem.start[0] = column(0);
  problem.start[1] = column(1);
  problem.certified = column(2);
  problem.errors = column(3);
  return problem;
}

// Digits that agree: the log relative error.
double digits(B got, B certified) {
  double worst = 16;
  for (Eigen::Index i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - certified[i]) / std::abs(certified[i]);
    worst = std::min(worst, error > 0 ? -std::log10(error) : 16);
  }
  return std::isfinite(worst) ? worst : -99;
}

class Nist : public testing::TestWithParam<std::pair<const std::string, Model>> {};

TEST_P(Nist, AgreesToSixDigits) {
  const std::string& name = GetParam().first;
  const Model model = GetParam().second;
  const Problem problem = read_problem(name);
  ASSERT_GT(problem.y.size(), 5u);
  const Residuals residuals = [&](B b, Eigen::VectorXd& r) {
    for (std::size_t i = 0; i < problem.y.size(); ++i)
      r[static_cast<Eigen::Index>(i)] = problem.y[i] - model(b, problem.x[i]);
  };
  for (const Eigen::VectorXd& start : problem.start) {
    const Fit fit = least_squares(residuals, static_cast<Eigen::Index>(problem.y.size()), start);
    RecordProperty("parameters", std::to_string(digits(fit.parameters, problem.certified)));
    RecordProperty("errors", std::to_string(digits(fit.standard_errors, problem.errors)));
    EXPECT_TRUE(fit.converged);
    EXPECT_GE(digits(fit.parameters, problem.certified), 6) << "from " << start.transpose();
    // The residuals of Lanczos1 are 1e-13: beyond double precision, and so are the errors that
    // follow from them.
    if (name != "Lanczos1") {
      EXPECT_GE(digits(fit.standard_errors, problem.errors), 6) << "from " << start.transpose();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Strd, Nist, testing::ValuesIn(models),
                         [](const auto& p) { return p.param.first; });

}  // namespace
}  // namespace limen::calibration
