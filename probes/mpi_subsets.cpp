#include "probes/mpi_subsets.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace limen::probes {
namespace {

class Subsets {
 public:
  explicit Subsets(const std::vector<RankPlace>& places) : places_(places) {}

  // The first 2, 4, 8 ... of these ranks, and all of them. Of four also three: with three numbers
  // of ranks a law can be held against the largest.
  void add_doublings(const std::vector<int>& ranks) {
    for (std::size_t p = 2; p < ranks.size(); p = ranks.size() == 4 ? p + 1 : 2 * p)
      add({ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(p)});
    add(ranks);
  }

  void add(std::vector<int> ranks) {
    std::sort(ranks.begin(), ranks.end());
    if (ranks.size() < 2 || !known_.insert(ranks).second) return;
    std::map<int, std::set<int>> sockets;
    for (int r : ranks) sockets[place(r).node].insert(place(r).socket);
    std::size_t most = 1;
    for (const auto& [node, used] : sockets) most = std::max(most, used.size());
    found_.push_back({std::move(ranks), static_cast<int>(sockets.size()), static_cast<int>(most)});
  }

  std::vector<RankSubset> take() { return std::move(found_); }

 private:
  const RankPlace& place(int rank) const { return places_[static_cast<std::size_t>(rank)]; }

  const std::vector<RankPlace>& places_;
  std::set<std::vector<int>> known_;
  std::vector<RankSubset> found_;
};

}  // namespace

std::vector<RankSubset> rank_subsets(const std::vector<RankPlace>& places) {
  if (places.empty()) return {};
  std::map<int, std::map<int, std::vector<int>>> ranks;  // by node and socket
  for (std::size_t r = 0; r < places.size(); ++r)
    ranks[places[r].node][places[r].socket].push_back(static_cast<int>(r));
  Subsets subsets(places);
  const auto& own = ranks.at(0);
  subsets.add_doublings(own.at(places[0].socket));

  // Of one node, dealt to its sockets in turn.
  std::vector<int> dealt{0}, one_a_node, by_node{0};
  for (std::size_t turn = 0; turn < places.size(); ++turn)
    for (const auto& [socket, there] : own)
      if (turn < there.size() && there[turn] != 0) dealt.push_back(there[turn]);
  subsets.add_doublings(dealt);

  for (const auto& [node, sockets] : ranks) {
    one_a_node.push_back(node);
    for (const auto& [socket, there] : sockets)
      for (int r : there)
        if (r != 0) by_node.push_back(r);
  }
  subsets.add_doublings(one_a_node);
  subsets.add_doublings(by_node);
  return subsets.take();
}

int count_nodes(const std::vector<RankPlace>& places) {
  std::set<int> nodes;
  for (const RankPlace& p : places) nodes.insert(p.node);
  return static_cast<int>(nodes.size());
}

RankSubset whole_world(const std::vector<RankPlace>& places) {
  std::vector<int> all(places.size());
  std::iota(all.begin(), all.end(), 0);
  Subsets subsets(places);
  subsets.add(std::move(all));
  return subsets.take().at(0);
}

}  // namespace limen::probes
