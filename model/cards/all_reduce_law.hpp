// The time of an all-reduce of b bytes among p devices of a node, by how libraries do it.
//
// collective  what NCCL does: start, steps around the ring, and bytes that pass the links in
// chunks.
//             Cutting them well costs the root of the two (the middle of a square), of which
//             libraries leave the share `pipeline` visible:
//               a = base + 2 (p - 1) hop,  c = crossings b / link
//               t = a + 2 pipeline (a c)^(1/2) + c
//             crossings / link = 2 (p - 1) / p / (ring link), or 1 / (in_switch link)
//             where a switch adds up for more than two
// one shot    every device reads all that the others hold:
//               alpha (p/2)^growth + (p - 1) b / (direct link)
// two shots   each reads its part, then the others' sums:
//               2 alpha (p/2)^growth + 2 (p - 1) / p b / (direct link)
// A library takes the fastest that it has. Started from the host it cannot be faster than `host`
// prepares it, and one that works on a buffer of its own copies the message there and back.
#pragma once

#include <string_view>
#include <vector>

namespace limen::cards {

// What of a machine an all-reduce meets. Bytes a second and device: of its links one way, of its
// memory. `adds`: its switch can add up what passes.
struct Fabric {
  double link = 0, memory = 0;
  bool adds = false;
};

// Times in seconds, shares of a bandwidth in (0, 1).
struct AllReduceLaw {
  double base = 0, hop = 0, pipeline = 0, ring = 1, in_switch = 1;
  double alpha = 0, growth = 0, direct = 1;  // of kernels that read their neighbours
  double host = 0;
  bool one_shot = false, two_shots = false, copies = false;
};

// Names and places of the parameters of a class of libraries: nccl; framework (from the host);
// fused, graph (with kernels of their own before it) and eager (the same, from the host).
struct AllReduceParameter {
  std::string_view name;
  double AllReduceLaw::*at;
};
const std::vector<AllReduceParameter>& all_reduce_parameters(std::string_view library);

// `values`: in the order of the parameters.
AllReduceLaw all_reduce_law(std::string_view library, const std::vector<double>& values);

double all_reduce_seconds(const AllReduceLaw& law, const Fabric& fabric, double ranks,
                          double bytes);

}  // namespace limen::cards
