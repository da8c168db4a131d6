// Collectives over the number of ranks, level by level (ranks of a socket, of a node, one a node),
// into the parameters that a machine has for them.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "calibration/laws.hpp"
#include "calibration/network.hpp"
#include "model/resolve.hpp"

namespace limen::calibration {
namespace {

using model::Exchange;

enum class Level { socket, node, network, several };

Level level_of(const Observation& o) {
  const double nodes = o.number("nodes");
  if (nodes > 1) return nodes == o.number("ranks") ? Level::network : Level::several;
  return o.number("sockets") > 1 ? Level::node : Level::socket;
}

const char* name(Level level) {
  return level == Level::socket ? "ranks of a socket"
         : level == Level::node ? "ranks of a node"
                                : "one rank a node";
}

struct Collective {
  const char *probe, *key;
  Exchange kind;
};
constexpr Collective collectives[] = {
    {"mpi.allreduce", "sync.all_reduce", Exchange::all_reduce},
    {"mpi.allgather", "sync.all_gather", Exchange::all_gather},
    {"mpi.reducescatter", "sync.reduce_scatter", Exchange::reduce_scatter},
    {"mpi.alltoall", "sync.all_to_all", Exchange::all_to_all}};

std::vector<NetworkPoint> points_of(const Cases& cases) {
  std::vector<NetworkPoint> points;
  for (const Observation* o : cases)
    points.push_back({o->number("ranks"), o->number("bytes"), o->seconds});
  return points;
}

Cases at_level(const Observations& observed, const char* probe, Level level) {
  return observed.where(probe, [level](const Observation& o) { return level_of(o) == level; });
}

// What was left out, for about eight of its sizes.
std::string residuals(const NetworkLaw& law) {
  const auto& out = law.left_out();
  std::vector<std::string> parts;
  const std::size_t stride = (out.size() + 7) / 8;
  for (std::size_t i = 0; i < out.size(); i += stride)
    parts.push_back(fmt::format("{:.0f} B {:+.0f} %", out[i].bytes, 100 * out[i].error()));
  return fmt::format("{}", fmt::join(parts, ", "));
}

// Says what the law is and how well it foretells more ranks.
void tell(Draft& draft, const std::string& what, const NetworkLaw& law,
          const std::vector<NetworkPoint>& points) {
  std::set<double> counts;
  for (const NetworkPoint& q : points) counts.insert(q.ranks);
  draft.notes.push_back(fmt::format("{}: {} (measured with {:.0f} ranks)", what, law.in_words(),
                                    fmt::join(counts, ", ")));
  if (!law.left_out().empty()) {
    std::size_t inside = 0;
    for (const LeftOut& l : law.left_out())
      inside += l.predicted.low <= l.measured && l.measured <= l.predicted.high;
    draft.notes.push_back(fmt::format(
        "{}: {:.0f} ranks foretold from fewer: {}; {} of {} within their 90 % intervals", what,
        law.most_ranks(), residuals(law), inside, law.left_out().size()));
  }
  report_law(draft, what, law.errors(),
             law.left_out().empty() ? std::nullopt : std::optional(law.left_out_error()));
}

// The factors by which an estimate may be off.
struct Spread {
  double low = 1, high = 1;
};
Spread spread(const NetworkEstimate& e) { return {e.low / e.seconds, e.high / e.seconds}; }

// Laws for numbers of ranks between the largest measured and what the node has.
void add_beyond(Draft& draft, const NetworkLaw& law, int node,
                std::vector<model::CollectivePiece>& laws) {
  const int most = static_cast<int>(law.most_ranks());
  std::string source = draft.source;
  draft.source += fmt::format(", extrapolated from {} ranks", most);
  std::vector<int> counts;
  for (int ranks = 2 * most; ranks < node; ranks *= 2) counts.push_back(ranks);
  if (node > most) counts.push_back(node);
  for (int ranks : counts) {
    for (const NetworkPiece& p : law.pieces()) {
      const NetworkFit& fit = p.fits[0];
      const double alpha = fit.algorithm.steps(ranks) * fit.a,
                   beta = fit.algorithm.crossings(ranks) * fit.b;
      const Spread small = spread(law.at(ranks, p.from)), large = spread(law.at(ranks, p.to));
      model::CollectivePiece piece;
      piece.ranks = ranks;
      piece.from = model::bytes(&p == &law.pieces()[0] ? 0.0 : p.from);
      piece.alpha = parameter(draft, model::seconds, alpha, {alpha * small.low, alpha * small.high},
                              model::Evidence::fitted);
      piece.beta = parameter(draft, model::seconds_per_byte, beta,
                             {beta * large.low, beta * large.high}, model::Evidence::fitted);
      piece.scatter = law.scatter();
      laws.push_back(std::move(piece));
    }
  }
  draft.source = std::move(source);
}

// A step of a doubling between nodes and the bandwidth of a link, as the all-reduce shows them; the
// intervals are those of four times the nodes.
void set_network(Draft& draft, const NetworkLaw& law) {
  const double p = law.most_ranks(), doublings = std::ceil(std::log2(p));
  const NetworkPiece &small = law.pieces().front(), &large = law.pieces().back();
  const NetworkFit &first = small.fits[0], &last = large.fits[0];
  const double step = first.algorithm.steps(p) * first.a / doublings;
  const double rate = model::link_crossings(Exchange::all_reduce, static_cast<int>(p)) /
                      (last.algorithm.crossings(p) * last.b);
  // Seen from more nodes, a law that is no doubling has another step.
  const auto range = [&](double value, double bytes, const auto& of) {
    const NetworkEstimate far = law.at(4 * p, bytes);
    const double there = of(4 * p), s = there / value;
    return results::Interval{value * std::min(1.0, s) * far.low / far.seconds,
                             value * std::max(1.0, s) * far.high / far.seconds};
  };
  draft.machine.sync_net = parameter(
      draft, model::seconds, step,
      range(step, small.from,
            [&](double q) { return first.algorithm.steps(q) * first.a / std::ceil(std::log2(q)); }),
      model::Evidence::fitted);
  draft.machine.sync_net_bandwidth =
      parameter(draft, model::bytes_per_second, rate,
                range(rate, large.to,
                      [&](double q) {
                        return model::link_crossings(Exchange::all_reduce, static_cast<int>(q)) /
                               (last.algorithm.crossings(q) * last.b);
                      }),
                model::Evidence::fitted);
}

// The same from one number of nodes, whose algorithm cannot be told: a doubling.
bool set_network_from_pieces(const Observations& observed, Draft& draft) {
  const Cases all = at_level(observed, "mpi.allreduce", Level::network);
  double most = 0;
  for (const Observation* o : all) most = std::max(most, o->number("ranks"));
  Cases cases;
  for (const Observation* o : all)
    if (o->number("ranks") == most) cases.push_back(o);
  std::vector<model::CollectivePiece> pieces;
  if (!cases.empty())
    fit_collective(draft, "sync.net, an all-reduce", static_cast<int>(most), cases, pieces);
  if (pieces.empty()) return false;
  const double doublings = std::ceil(std::log2(most)),
               crossings = model::link_crossings(Exchange::all_reduce, static_cast<int>(most));
  const auto& alpha = pieces.front().alpha;
  const auto& beta = pieces.back().beta;
  const auto step = [&](model::Seconds t) { return t.in(model::seconds) / doublings; };
  const auto rate = [&](model::SecondsPerByte t) {
    return crossings / t.in(model::seconds_per_byte);
  };
  draft.machine.sync_net = parameter(draft, model::seconds, step(alpha.value),
                                     {step(alpha.low), step(alpha.high)}, model::Evidence::fitted);
  draft.machine.sync_net_bandwidth =
      parameter(draft, model::bytes_per_second, rate(beta.value), {rate(beta.high), rate(beta.low)},
                model::Evidence::fitted);
  return true;
}

// Many ranks on many nodes, against what the machine makes of its parts.
void check_composition(const Observations& observed, Draft& draft) {
  for (const Collective& c : collectives) {
    std::vector<double> errors;
    for (const Observation* o : at_level(observed, c.probe, Level::several)) {
      const int ranks = static_cast<int>(o->number("ranks"));
      if (ranks != static_cast<int>(o->number("nodes")) * model::node_ranks(draft.machine))
        continue;
      const auto bytes = model::bytes(o->number("bytes"));
      const auto law = model::collective_law(draft.machine, c.kind, ranks, bytes);
      errors.push_back((law.alpha + law.beta * bytes).in(model::seconds) / o->seconds - 1);
    }
    report_law(draft, fmt::format("{} of whole nodes, composed", c.key), errors, std::nullopt);
  }
}

void fit_between_nodes(const Observations& observed, Draft& draft, const NetworkLaw* law) {
  double nodes = 1;
  for (const Observation& o : observed.all)
    if (o.probe.rfind("mpi.", 0) == 0) nodes = std::max(nodes, o.number("nodes"));
  if (nodes < 2) return;
  draft.machine.devices_per_node = observed.of_gpus ? draft.machine.devices : 1;
  draft.machine.devices = static_cast<int>(nodes) * draft.machine.devices_per_node;
  draft.notes.push_back(fmt::format(
      "{:.0f} nodes were seen, and are taken to be like the one that was probed", nodes));
  if (law) {
    set_network(draft, *law);
  } else if (!set_network_from_pieces(observed, draft) &&
             !fit_hop_law(draft, "sync.net", at_level(observed, "mpi.pingpong", Level::network),
                          draft.machine.sync_net, draft.machine.sync_net_bandwidth)) {
    draft.machine.unidentified.emplace_back(
        "sync.net: no all-reduce or ping-pong between nodes was measured, with one rank a node");
  }
  check_composition(observed, draft);
}

}  // namespace

void fit_network(const Observations& observed, Draft& draft) {
  const int node = observed.of_gpus ? draft.machine.devices : draft.machine.ranks_per_device;
  std::optional<NetworkLaw> between_nodes;
  for (const Collective& c : collectives) {
    std::optional<NetworkLaw> within;
    for (const Level level : {Level::socket, Level::node, Level::network}) {
      const auto points = points_of(at_level(observed, c.probe, level));
      const auto law =
          NetworkLaw::fit(c.kind, points, points_of(at_level(observed, "mpi.pingpong", level)));
      if (!law) continue;
      tell(draft, fmt::format("{}, {}", c.key, name(level)), *law, points);
      if (level == Level::network && c.kind == Exchange::all_reduce) between_nodes = law;
      if (level != Level::network && (!within || within->most_ranks() <= law->most_ranks()))
        within = law;
    }
    if (!within) continue;
    for_each_collective(draft.machine, [&](const std::string& key, auto& laws) {
      if (key == c.key) add_beyond(draft, *within, node, laws);
    });
  }
  fit_between_nodes(observed, draft, between_nodes ? &*between_nodes : nullptr);
}

}  // namespace limen::calibration
