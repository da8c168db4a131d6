#include "probes/mpi_order.hpp"

#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::probes {

std::string to_environment(const MpiOrder& order) {
  return fmt::format("LIMEN_MPI_JOB={} {} {}", order.compare_with_osu ? "osu" : "measure",
                     order.seconds, order.precision);
}

std::optional<MpiOrder> order_from_environment() {
  const char* text = std::getenv("LIMEN_MPI_JOB");
  if (text == nullptr) return std::nullopt;
  std::istringstream in(text);
  std::string job;
  MpiOrder order;
  in >> job >> order.seconds >> order.precision;
  order.compare_with_osu = job == "osu";
  if (!in || (job != "osu" && job != "measure")) {
    throw Error("LIMEN_MPI_JOB is for limen's own ranks: unset it");
  }
  return order;
}

}  // namespace limen::probes
