// What the MPI probes are in a build without MPI.
#include "model/error.hpp"
#include "probes/mpi_decode.hpp"
#include "probes/mpi_link.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/mpi_skipped.hpp"

namespace limen::probes {

MpiStatus run_mpi_probes(const MpiPlan& plan, const std::filesystem::path& run_directory,
                         std::string& note) {
  write_mpi_skipped(run_directory, "built without MPI", plan.names);
  note = "skipped: built without MPI";
  return MpiStatus::skipped;
}

int mpi_rank_main(const MpiPlan&, const std::filesystem::path&) {
  throw Error("this limen was built without MPI and cannot be a rank: build it with LIMEN_MPI=ON",
              Exit::unfit);
}

std::unique_ptr<RankLink> join_ranks() {
  if (!launched_by()) return nullptr;
  throw Error("this limen was built without MPI and cannot be a rank: build it with LIMEN_MPI=ON",
              Exit::unfit);
}

std::optional<MpiFacts> read_mpi_facts(const std::filesystem::path&) { return std::nullopt; }

std::vector<std::vector<DecodeTimes>> run_mpi_decode(const std::vector<DecodeOrder>&,
                                                     const DecodeOptions&, int, std::string& note) {
  note = "skipped: built without MPI";
  return {};
}

std::vector<OsuRow> mpi_osu_comparison(const MpiPlan&, std::string& note) {
  note = "skipped: built without MPI";
  return {};
}

}  // namespace limen::probes
