#include "model/cards/card_source.hpp"
#include "model/cards/machine_card.hpp"

namespace limen::cards {

using namespace model;

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const auto& card : embedded_networks()) names.emplace_back(card.name);
  return names;
}

Machine find_network(const std::string& name) {
  const CardSource source = card_source(embedded_networks(), "network", name, "", "--network");
  return read_network(source.text, source.origin);
}

void connect(Machine& m, const Machine& network) {
  bool fitted = false;
  for_each_collective(
      network, [&](const std::string&, const auto& pieces) { fitted = fitted || !pieces.empty(); });
  if (network.devices_per_node > 0) m.devices_per_node = network.devices_per_node;
  const bool inside = fitted || network.sync_tp || network.sync_tp_bandwidth || network.sync_floor;
  if (inside) {
    m.sync_tp = network.sync_tp;
    m.sync_tp_bandwidth = network.sync_tp_bandwidth;
    m.sync_floor = network.sync_floor;
    m.all_reduce = network.all_reduce;
    m.all_gather = network.all_gather;
    m.reduce_scatter = network.reduce_scatter;
    m.all_to_all = network.all_to_all;
  }
  if (inside || network.sync_pp) {
    m.sync_pp = network.sync_pp;
    m.sync_pp_bandwidth = network.sync_pp_bandwidth;
  }
  if (network.sync_net) {
    m.sync_net = network.sync_net;
    m.sync_net_bandwidth = network.sync_net_bandwidth;
  }
}

}  // namespace limen::cards
