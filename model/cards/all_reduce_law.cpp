#include "model/cards/all_reduce_law.hpp"

#include <algorithm>
#include <cmath>

namespace limen::cards {

namespace {

bool from_host(std::string_view library) { return library == "framework" || library == "eager"; }
bool own_kernels(std::string_view library) {
  return library == "fused" || library == "graph" || library == "eager";
}

}  // namespace

const std::vector<AllReduceParameter>& all_reduce_parameters(std::string_view library) {
  using L = AllReduceLaw;
  static const auto make = [](bool own, bool host) {
    std::vector<AllReduceParameter> all = {{"base", &L::base},
                                           {"hop", &L::hop},
                                           {"pipeline", &L::pipeline},
                                           {"ring", &L::ring},
                                           {"in_switch", &L::in_switch}};
    if (own)
      all.insert(all.end(), {{"alpha", &L::alpha}, {"growth", &L::growth}, {"direct", &L::direct}});
    if (host) all.push_back({"host", &L::host});
    return all;
  };
  // Asked for at every point of a fit.
  static const std::vector<AllReduceParameter> made[2][2] = {
      {make(false, false), make(false, true)}, {make(true, false), make(true, true)}};
  return made[own_kernels(library)][from_host(library)];
}

AllReduceLaw all_reduce_law(std::string_view library, const std::vector<double>& values) {
  AllReduceLaw law;
  const auto& parameters = all_reduce_parameters(library);
  for (std::size_t i = 0; i < parameters.size(); ++i) law.*parameters[i].at = values[i];
  law.one_shot = own_kernels(library);
  law.two_shots = law.one_shot && library != "fused";
  law.copies = law.one_shot && from_host(library);
  return law;
}

double all_reduce_seconds(const AllReduceLaw& l, const Fabric& f, double p, double b) {
  const double ring = 2 * (p - 1) / p * b / f.link;
  double crossing = ring / l.ring;
  if (f.adds && p > 2) crossing = std::min(crossing, b / (l.in_switch * f.link));
  const double start = l.base + 2 * (p - 1) * l.hop;
  double time = start + 2 * l.pipeline * std::sqrt(start * crossing) + crossing;
  const double flag = l.alpha * std::pow(p / 2, l.growth);
  if (l.one_shot) time = std::min(time, flag + (p - 1) * b / (l.direct * f.link));
  if (l.two_shots) time = std::min(time, 2 * flag + ring / l.direct);
  // A copy reads and writes, at what memory usually gives of its peak.
  constexpr double usual = 0.9;
  if (l.copies) time += 2 * b / (usual * f.memory);
  if (l.host <= 0) return time;
  // Launches overlap with what was launched before, but not at the joints.
  constexpr double joint = 4;
  return std::pow(std::pow(time, joint) + std::pow(l.host, joint), 1 / joint);
}

}  // namespace limen::cards
