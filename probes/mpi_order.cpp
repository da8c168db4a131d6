#include "probes/mpi_order.hpp"

#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::probes {

namespace {

constexpr const char* jobs[] = {"measure", "osu", "decode"};  // by MpiJob

}  // namespace

std::string to_environment(const MpiOrder& order) {
  return fmt::format("LIMEN_MPI_JOB={} {} {}", jobs[static_cast<int>(order.job)], order.seconds,
                     order.precision);
}

std::optional<MpiOrder> order_from_environment() {
  const char* text = std::getenv("LIMEN_MPI_JOB");
  if (text == nullptr) return std::nullopt;
  std::istringstream in(text);
  std::string job;
  MpiOrder order;
  in >> job >> order.seconds >> order.precision;
  for (MpiJob known : {MpiJob::measure, MpiJob::osu, MpiJob::decode}) {
    order.job = known;
    if (in && job == jobs[static_cast<int>(known)]) return order;
  }
  throw Error("LIMEN_MPI_JOB is for limen's own ranks: unset it");
}

double default_seconds(const MpiPlan& plan) { return plan.quick ? 6 : 60; }

}  // namespace limen::probes
