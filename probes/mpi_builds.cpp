#include "probes/mpi_builds.hpp"

#include <cstring>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "probes/host.hpp"
#include "results/provenance.hpp"

namespace limen::probes {
namespace {

constexpr std::size_t width = 128;  // of each text on the wire

std::string joined(const std::map<std::string, std::vector<std::size_t>>& groups,
                   const std::vector<RankBuild>& builds) {
  std::vector<std::string> parts;
  for (const auto& [what, ranks] : groups)
    parts.push_back(fmt::format("{} at {} rank{} (the first is {} on {})", what, ranks.size(),
                                ranks.size() == 1 ? "" : "s", ranks[0], builds[ranks[0]].host));
  return fmt::format("{}", fmt::join(parts, ", "));
}

template <class Text>
std::string differences(const std::vector<RankBuild>& builds, Text text) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t r = 0; r < builds.size(); ++r) groups[text(builds[r])].push_back(r);
  return groups.size() < 2 ? "" : joined(groups, builds);
}

}  // namespace

RankBuild build_of_this_rank() {
  const results::Provenance p = describe(0);
  return {fmt::format("limen {} {}{}", p.version, p.git_sha.substr(0, 12),
                      p.git_dirty ? " (changed)" : ""),
          p.cpu_model, p.host};
}

std::vector<RankBuild> gather_builds(const RankBuild& mine, MPI_Comm comm) {
  int rank = 0, ranks = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  char wire[3 * width] = {};
  std::size_t at = 0;
  for (const std::string* text : {&mine.limen, &mine.cpu, &mine.host})
    std::strncpy(wire + width * at++, text->c_str(), width - 1);
  std::vector<char> all(rank == 0 ? sizeof wire * static_cast<std::size_t>(ranks) : 0);
  MPI_Gather(wire, sizeof wire, MPI_BYTE, all.data(), sizeof wire, MPI_BYTE, 0, comm);
  std::vector<RankBuild> builds;
  for (const char* w = all.data(); w != all.data() + all.size(); w += sizeof wire)
    builds.push_back({w, w + width, w + 2 * width});
  return builds;
}

std::vector<std::string> hosts_of_nodes(const std::vector<RankPlace>& places,
                                        const std::vector<RankBuild>& builds) {
  std::vector<std::string> hosts;
  for (std::size_t r = 0; r < places.size() && hosts.size() < results::most_node_hosts; ++r)
    if (places[r].node == static_cast<int>(r)) hosts.push_back(builds[r].host);
  return hosts;
}

std::string different_limens(const std::vector<RankBuild>& builds) {
  const std::string list = differences(builds, [](const RankBuild& b) { return b.limen; });
  return list.empty()
             ? ""
             : "the ranks are different programs: " + list + "; start the same build on every node";
}

std::string different_cpus(const std::vector<RankBuild>& builds) {
  const std::string list = differences(builds, [](const RankBuild& b) { return b.cpu; });
  return list.empty()
             ? ""
             : "the ranks run on different processors, and so is what they measure: " + list;
}

}  // namespace limen::probes
