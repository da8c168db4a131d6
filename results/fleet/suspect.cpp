#include "results/fleet/suspect.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

namespace limen::results::fleet {

namespace {

constexpr double nearly_all = 0.9;
constexpr int most_channels = 24;    // of two sockets
constexpr double least_share = 0.1;  // of samples with a mark that counts as evidence

const PartState* find(const Parts& parts, Part part) {
  const auto found = parts.find(part);
  return found == parts.end() ? nullptr : &found->second;
}
bool worse(const PartState* part) { return part && part->worse(); }

// Two parts changed by one factor.
bool together(const PartState& a, const PartState& b) {
  const double most =
      std::max({0.03, 3 * std::hypot(a.scatter, b.scatter), 0.2 * std::abs(a.log_ratio)});
  return std::abs(a.log_ratio - b.log_ratio) <= most;
}

std::string share(const char* what, const PartState* part) {
  return part ? fmt::format("{} {:.3g} of the others", what, part->ratio())
              : fmt::format("{} not measured", what);
}

// Whole numbers k for which a ratio is (k-1)/k.
struct Channels {
  int fewest = 0, most = 0, nearest = 0;
};
std::optional<Channels> channels(const PartState& memory) {
  const double tolerance = std::max(0.01, 2 * memory.scatter);
  Channels found;
  double closest = tolerance;
  for (int k = 2; k <= most_channels; ++k) {
    const double off = std::abs(memory.ratio() - (k - 1.0) / k);
    if (off > tolerance) continue;
    if (found.fewest == 0) found.fewest = k;
    found.most = k;
    if (off <= closest) closest = off, found.nearest = k;
  }
  if (found.fewest == 0) return {};
  return found;
}

// Installed memory beside that of the others: if there is less of it by (k-1)/k for a k that the
// bandwidth allows, that is the k.
std::string installed(const Facts& node, const Facts& common, std::optional<Channels>& channels) {
  const std::string &mine = node.values[fact_memory], &theirs = common.values[fact_memory];
  if (mine.empty() || theirs.empty() || mine == theirs) return "";
  if (channels) {
    const double left = std::stod(mine) / std::stod(theirs);
    const double k = std::round(1 / (1 - left));
    constexpr double tolerance = 0.01;  // part of the memory is taken by firmware
    if (channels->fewest <= k && k <= channels->most && std::abs(left - (k - 1) / k) < tolerance)
      channels->fewest = channels->most = channels->nearest = static_cast<int>(k);
  }
  return fmt::format("; {} GB installed, the others {} GB", mine, theirs);
}

class Case {
 public:
  Case(Outlier& outlier, const Parts& parts, const Group& group, const Facts& common)
      : outlier_(outlier),
        parts_(parts),
        group_(group),
        node_(group.nodes[outlier.node]),
        common_(common) {}

  void explain() {
    if (outlier_.alarms.front().score > 0) {
      set(Suspect::faster, figures());
    } else if (!(of_gpu() ? gpu() : cpu())) {
      set(Suspect::unexplained, figures());
    }
    append_marks();
    append_odd_facts();
  }

 private:
  void set(Suspect suspect, std::string evidence) {
    outlier_.suspect = suspect;
    outlier_.evidence = std::move(evidence);
  }

  bool of_gpu() const {
    return group_.figures[outlier_.alarms.front().figure].probe.rfind("gpu.", 0) == 0;
  }

  // Whether the worst of the figures is of an exchange with other nodes.
  bool among_nodes() const { return nodes_of(group_.figures[outlier_.alarms.front().figure]) > 1; }

  bool cpu() {
    const PartState *compute = find(parts_, Part::compute), *cache = find(parts_, Part::cache),
                    *memory = find(parts_, Part::memory), *latency = find(parts_, Part::latency),
                    *link = find(parts_, Part::link);
    if (worse(compute) && worse(memory) && together(*compute, *memory)) {
      set(Suspect::node_slow, share("memory", memory) + ", " + share("compute", compute));
    } else if (worse(compute) && (!cache || (worse(cache) && together(*compute, *cache))) &&
               (!memory || memory->log_ratio > compute->log_ratio / 2)) {
      set(Suspect::clock, fmt::format("{}, {}, {}", share("compute", compute),
                                      share("first cache", cache), share("memory", memory)));
    } else if (worse(memory) && !worse(compute) && worse(latency)) {
      set(Suspect::numa, fmt::format("{}, latency {:.3g} times theirs", share("memory", memory),
                                     1 / latency->ratio()));
    } else if (worse(memory) && !worse(compute)) {
      memory_alone(*memory, latency);
    } else if (worse(link) && !worse(compute) && !worse(cache) && !worse(memory) &&
               !worse(latency)) {
      set(Suspect::link,
          fmt::format("exchanges with this node take {:.3g} times those of the others{}{}",
                      1 / link->ratio(),
                      memory ? "; memory and compute are as theirs" : "; memory was not measured",
                      among_nodes() ? "; it or a partner of it" : ""));
    } else {
      return false;
    }
    return true;
  }

  void memory_alone(const PartState& memory, const PartState* latency) {
    const std::string rest = latency ? "" : "; latency not measured, so it may be a NUMA setting";
    std::optional<Channels> k = channels(memory);
    const std::string dimms = installed(node_.facts, common_, k);
    if (k) {
      set(Suspect::memory_channel,
          fmt::format("{}: {}/{}, one of {} channels{}{}", share("memory", &memory), k->nearest - 1,
                      k->nearest,
                      k->fewest == k->most ? std::to_string(k->most)
                                           : fmt::format("{} to {}", k->fewest, k->most),
                      dimms, rest));
    } else {
      set(Suspect::memory_slow, share("memory", &memory) + ", compute as theirs" + dimms + rest);
    }
  }

  bool gpu() {
    const PartState *compute = find(parts_, Part::gpu_compute),
                    *memory = find(parts_, Part::gpu_memory), *link = find(parts_, Part::gpu_link);
    if (worse(compute) && (!memory || memory->log_ratio > compute->log_ratio / 2)) {
      set(Suspect::gpu_clock, share("GPU compute", compute) + ", " + share("GPU memory", memory));
    } else if (worse(memory)) {
      set(Suspect::gpu_memory, share("GPU memory", memory) + ", " + share("GPU compute", compute));
    } else if (worse(link)) {
      set(Suspect::gpu_link, share("transfers", link) + ", " + share("GPU memory", memory));
    } else {
      return false;
    }
    return true;
  }

  std::string figures() const {
    std::string text;
    for (std::size_t i = 0; i < outlier_.alarms.size() && i < 3; ++i) {
      const Deviation& d = outlier_.alarms[i];
      text += fmt::format("{}{} at {:.3g} of the median", i > 0 ? ", " : "",
                          describe(group_.figures[d.figure]), d.ratio);
    }
    if (outlier_.alarms.size() > 3) text += fmt::format(" and {} more", outlier_.alarms.size() - 3);
    return text;
  }

  void append_marks() {
    const Marks& m = node_.marks;
    for (const auto& [of, what] : {std::pair{m.throttled, "with lowered clocks"},
                                   {m.clock_changed, "with changed clocks"},
                                   {m.stolen, "with stolen time"},
                                   {m.context_switch, "interrupted by others"}})
      if (of >= least_share)
        outlier_.evidence += fmt::format("; {:.0f} % of samples {}", 100 * of, what);
    const bool clocks = m.throttled >= least_share || m.clock_changed >= least_share;
    if (clocks && outlier_.suspect == Suspect::unexplained)
      outlier_.suspect = of_gpu() ? Suspect::gpu_clock : Suspect::clock;
  }

  void append_odd_facts() {
    for (std::size_t i = 0; i < Facts::names.size(); ++i) {
      const std::string &mine = node_.facts.values[i], &theirs = common_.values[i];
      if (i == fact_memory || theirs.empty() || mine == theirs) continue;
      outlier_.evidence += fmt::format("; {} {}, the others {}", Facts::names[i],
                                       mine.empty() ? "unknown" : mine, theirs);
    }
  }

  Outlier& outlier_;
  const Parts& parts_;
  const Group& group_;
  const Node& node_;
  const Facts& common_;
};

}  // namespace

bool PartState::worse() const { return log_ratio <= -std::max(0.04, 3 * scatter); }
double PartState::ratio() const { return std::exp(log_ratio); }

Facts common_facts(const Group& group) {
  Facts common;
  for (std::size_t i = 0; i < Facts::names.size(); ++i) {
    std::map<std::string, std::size_t> counts;
    for (const Node& node : group.nodes) ++counts[node.facts.values[i]];
    for (const auto& [value, count] : counts)
      if (static_cast<double>(count) >= nearly_all * static_cast<double>(group.nodes.size()))
        common.values[i] = value;
  }
  return common;
}

void explain(Outlier& outlier, const Parts& parts, const Group& group, const Facts& common) {
  Case(outlier, parts, group, common).explain();
}

const SuspectName& name_of(Suspect suspect) {
  return *std::find_if(std::begin(suspect_names), std::end(suspect_names),
                       [suspect](const SuspectName& n) { return n.suspect == suspect; });
}

}  // namespace limen::results::fleet
