// Nodes that do not fit among their equals, and what is physically wrong with them as far as their
// records tell.
#pragma once

#include <string>
#include <vector>

#include "results/fleet/fleet.hpp"
#include "results/fleet/spread.hpp"

namespace limen::results::fleet {

// How far a node is off in one figure. Robust, on logarithms, so that twice and half are equally
// far; positive is better than the others.
struct Deviation {
  std::size_t figure = 0;
  double ratio = 1;  // to the median of the group, in the figure's unit
  double score = 0;  // robust z
};

enum class Suspect {
  unexplained,
  memory_channel,  // bandwidth at (k-1)/k of the others
  memory_slow,     // bandwidth low, at no such ratio
  numa,            // bandwidth low and latency high
  clock,           // compute and first cache low by one factor, or marked as throttled
  link,            // only exchanges with this node
  gpu_clock,
  gpu_memory,
  gpu_link,
  node_slow,  // everything low by one factor
  faster,
};
struct SuspectName {
  Suspect suspect;
  const char* name;
  char letter;  // for maps
};
inline constexpr SuspectName suspect_names[] = {
    {Suspect::unexplained, "unexplained", '?'},
    {Suspect::memory_channel, "memory channel missing", 'M'},
    {Suspect::memory_slow, "slow memory", 'm'},
    {Suspect::numa, "wrong NUMA setting", 'N'},
    {Suspect::clock, "throttled clock", 'C'},
    {Suspect::link, "slow link", 'L'},
    {Suspect::gpu_clock, "throttled GPU clock", 'G'},
    {Suspect::gpu_memory, "slow GPU memory", 'g'},
    {Suspect::gpu_link, "slow GPU link", 'l'},
    {Suspect::node_slow, "whole node slow", 'S'},
    {Suspect::faster, "faster than the others", 'F'},
};
const SuspectName& name_of(Suspect suspect);

struct Outlier {
  std::size_t node = 0;
  Suspect suspect = Suspect::unexplained;
  std::string evidence;           // one line
  std::vector<Deviation> alarms;  // the worst first
};

struct Judgement {
  std::vector<Distribution> spread;     // by figure
  std::vector<Outlier> outliers;        // by node
  std::vector<double> worst;            // by node: the lowest score of any figure
  double alarm = 0;                     // largest score that chance explains, at the group's size
  std::size_t judged = 0;               // figures that enough nodes have
  std::vector<std::size_t> incomplete;  // nodes that lack figures which nearly all others have
};

inline constexpr std::size_t fewest_nodes = 5;  // that can tell which of them is off
inline constexpr double least_effect = 0.05;    // a node nearer to the median is never an outlier
// Outliers to be expected by chance in a whole group without a fault, when scatter is normal. The
// score of an alarm follows from it, the number of nodes and that of figures.
inline constexpr double false_alarms = 0.05;

Judgement judge(const Group& group);

}  // namespace limen::results::fleet
