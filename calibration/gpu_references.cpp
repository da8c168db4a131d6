// Products of one token on GPUs, side by side: what a library does with the same matrices, and what
// fp16 does beside bf16, of which the model has one class of 16 bits.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "calibration/laws.hpp"

namespace limen::calibration {

namespace {

using Matrix = std::pair<double, double>;
using Times = std::map<Matrix, double>;  // cold, in graphs

Times times_of(const Observations& gpu, const std::string& probe, const std::string& format) {
  Times times;
  for (const Observation* o : gpu.where(probe, [&](const Observation& c) {
         return c.is("format", format) && c.is("sent", "graph") && c.is("residence", "cold") &&
                c.number("tokens") <= 1;
       }))
    times[{o->number("rows"), o->number("cols")}] = o->seconds;
  return times;
}

struct Ratios {
  std::size_t n = 0;
  double least = 0, median = 0, most = 0;
};
Ratios ratios(const Times& of, const Times& to) {
  std::vector<double> all;
  for (const auto& [matrix, seconds] : of)
    if (const auto at = to.find(matrix); at != to.end()) all.push_back(seconds / at->second);
  if (all.empty()) return {};
  std::sort(all.begin(), all.end());
  return {all.size(), all.front(), results::quantile_of_sorted(all, 0.5), all.back()};
}

}  // namespace

void compare_products(const Observations& gpu, std::vector<std::string>& notes) {
  constexpr double slower = 1.05;
  for (const char* format : {"fp32", "fp16", "bf16", "fp8", "int8"}) {
    const Ratios r = ratios(times_of(gpu, "gpu.gemv", format), times_of(gpu, "gpu.gemm", format));
    if (r.n == 0) continue;
    notes.push_back(fmt::format(
        "gpu.gemv {}: {:.2f} of cuBLASLt's time ({:.2f} to {:.2f}, {} shapes){}", format, r.median,
        r.least, r.most, r.n,
        r.median > slower ? "; the law is that of our kernel, the device can do better" : ""));
  }
  const Ratios half = ratios(times_of(gpu, "gpu.gemv", "fp16"), times_of(gpu, "gpu.gemv", "bf16"));
  if (half.n > 0)
    notes.push_back(
        fmt::format("gpu.gemv fp16: {:.2f} of bf16's time ({:.2f} to {:.2f}, {} shapes); "
                    "linear.bf16 is the law "
                    "of bf16, and stands for both",
                    half.median, half.least, half.most, half.n));
}

std::string sixteen_bits(const Observations& gpu) {
  return times_of(gpu, "gpu.gemv", "bf16").empty() && !times_of(gpu, "gpu.gemv", "fp16").empty()
             ? "fp16"
             : "bf16";
}

}  // namespace limen::calibration
