// Whether the ranks of a job are one program on one kind of processor: other versions of limen may
// speak another language to each other, and other processors make the figures a mixture.
#pragma once

#include <mpi.h>

#include <string>
#include <vector>

#include "probes/mpi_subsets.hpp"

namespace limen::probes {

struct RankBuild {
  std::string limen, cpu, host;
};
RankBuild build_of_this_rank();

// Collective, and the first thing that ranks tell each other; its form must not change between
// versions. At rank 0: all of them, in order; empty at the others.
std::vector<RankBuild> gather_builds(const RankBuild& mine, MPI_Comm comm);

// The host of each node, in the order in which cases of several nodes take them (mpi_subsets.hpp).
std::vector<std::string> hosts_of_nodes(const std::vector<RankPlace>& places,
                                        const std::vector<RankBuild>& builds);

// What to say if they differ; empty if they do not.
std::string different_limens(const std::vector<RankBuild>& builds);
std::string different_cpus(const std::vector<RankBuild>& builds);

}  // namespace limen::probes
