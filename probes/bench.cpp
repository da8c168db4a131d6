#include "probes/bench.hpp"

#include <algorithm>
#include <random>

#include "model/error.hpp"
#include "probes/topology.hpp"

namespace limen::probes {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

std::vector<int> counts_up_to(int all) {
  std::vector<int> counts;
  for (int n = 1; n < all; n *= 2) counts.push_back(n);
  counts.push_back(all);
  return counts;
}

// Chunks shrink with the member's number: member m takes part only when more than m threads run.
std::size_t chunk(int member, std::size_t largest, const std::vector<int>& counts) {
  const auto least = *std::upper_bound(counts.begin(), counts.end(), member);
  return largest / static_cast<std::size_t>(least);
}

int team_size(const Topology& topology, int max_threads) {
  const int all = topology.usable();
  return max_threads > 0 ? std::min(max_threads, all) : all;
}

}  // namespace

Bench::Bench(const Topology& topology, const Extent& extent)
    : extent_(extent),
      units_(topology.processing_units()),
      team_(team_size(topology, extent.max_threads),
            [&topology](int member) { topology.bind(member); }),
      counts_(counts_up_to(team_.size())) {
  // data and scratch, each `largest` times the sum of the shares
  double shares = 0;
  for (int m = 0; m < team_.size(); ++m)
    shares += static_cast<double>(chunk(m, 1u << 20, counts_)) / (1u << 20);
  const std::size_t wanted = (extent.quick ? 512 : 1024) * mib;
  const auto affordable =
      static_cast<std::size_t>(static_cast<double>(extent.memory) / (2 * shares));
  largest_ = std::min(wanted, affordable) / mib * mib;
  if (largest_ < 16 * mib) {
    throw Error(
        "too little memory is free for measuring: raise --memory-share or the cgroup's limit",
        Exit::unfit);
  }
  data_.resize(static_cast<std::size_t>(team_.size()));
  scratch_.resize(data_.size());
  workspaces_.resize(data_.size());
}

void Bench::use_scratch() {
  if (scratch_[0].size() > 0) return;
  team_.run(team_.size(), [this](int m) {
    kernels::Buffer buffer(chunk(m, largest_, counts_));
    for (std::size_t i = 0; i < buffer.size(); i += 4096) buffer.data()[i] = std::byte{1};
    scratch_[static_cast<std::size_t>(m)] = std::move(buffer);
  });
}

void Bench::use_data() {
  if (data_[0].size() > 0) return;
  team_.run(team_.size(), [this](int m) {
    kernels::Buffer buffer(chunk(m, largest_, counts_));
    std::uint64_t state = seed() + 0x9E3779B97F4A7C15u * static_cast<std::uint64_t>(m + 1);
    auto* words = buffer.as<std::uint64_t>();
    for (std::size_t i = 0; i < buffer.size() / 8; ++i) {
      state ^= state << 13;  // xorshift64
      state ^= state >> 7;
      state ^= state << 17;
      words[i] = (state & 0x807F807F807F807Fu) | 0x3F803F803F803F80u;
    }
    data_[static_cast<std::size_t>(m)] = std::move(buffer);
  });
}

const void* Bench::x(kernels::Format format) {
  if (x32_.size() == 0) {
    const std::size_t count = max_cols * max_tokens;
    x32_ = kernels::Buffer(count * 4);
    x64_ = kernels::Buffer(count * 8);
    std::mt19937 random(static_cast<unsigned>(seed()));
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (std::size_t i = 0; i < count; ++i) {
      x32_.as<float>()[i] = uniform(random);
      x64_.as<double>()[i] = static_cast<double>(x32_.as<float>()[i]);
    }
  }
  return format == kernels::Format::fp64 ? x64_.data() : x32_.data();
}

std::span<const kernels::Workspace> Bench::workspaces() {
  if (workspaces_[0].data() == nullptr) {
    team_.run(team_.size(), [this](int m) {
      workspaces_[static_cast<std::size_t>(m)] = kernels::Workspace(max_cols, max_tokens);
    });
  }
  return workspaces_;
}

}  // namespace limen::probes
