#include "probes/decode.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "kernels/cpu/stream.hpp"
#include "kernels/cpu/team.hpp"
#include "model/error.hpp"
#include "probes/host.hpp"
#include "probes/interference.hpp"
#include "probes/interrupt.hpp"
#include "probes/mpi_decode.hpp"
#include "probes/runner.hpp"
#include "probes/schedule.hpp"
#include "probes/topology.hpp"
#include "results/statistics.hpp"

namespace limen::probes {
namespace {

using kernels::Decoder, kernels::OpSeconds;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What all threads of all ranks read, on memory of its own, and multiply beside a step.
class Beside {
 public:
  explicit Beside(kernels::Team& team) : team_(team), memory_(std::size_t(team.size())) {
    team_.run(team_.size(), [&](int m) {
      auto& buffer = memory_[std::size_t(m)] = kernels::Buffer(bytes);
      for (std::size_t i = 0; i < bytes / 8; ++i) buffer.as<std::uint64_t>()[i] = i;
    });
  }
  // Bytes a second, the median of three.
  double read_rate(const DecodeRank& rank) {
    std::vector<double> rates;
    for (int i = 0; i < 3; ++i) {
      rank.barrier();
      const double seconds = time_once([&] {
        team_.run(team_.size(), [&](int m) {
          const auto& buffer = memory_[std::size_t(m)];
          sink_ = sink_ + kernels::stream_read(buffer.as<std::uint64_t>(), bytes / 8);
        });
      });
      const double all = rank.sum(double(bytes) * team_.size());
      rates.push_back(all / rank.most(seconds));
    }
    return results::median_of(std::move(rates));
  }
  // FLOP/s of multiply-adds.
  double multiply_rate(const DecodeRank& rank) {
    rank.barrier();
    const double rate = rank.sum(multiplied_together(team_));
    fastest_ = std::max(fastest_, rate);
    return rate;
  }
  // True if that is what the threads do on cores of their own, as far as is known.
  bool is_own_cores(double multiply_rate) const { return multiply_rate >= own_cores * fastest_; }

 private:
  static constexpr std::size_t bytes = std::size_t{128} << 20;  // of a thread
  kernels::Team& team_;
  std::vector<kernels::Buffer> memory_;
  std::atomic<std::uint64_t> sink_{0};
  double fastest_ = 0;
};

DecodeVisit visit(Decoder& decoder, const DecodeOrder& order, const DecodePoint& point,
                  const DecodeOptions& options, const DecodeRank& rank, Beside& beside) {
  constexpr std::size_t least = 3, most = 60;
  constexpr double waiting_share = 0.01;
  // Other tokens each time, the same at every rank: what random weights go on with would soon
  // repeat itself, and with it the experts that are read.
  std::mt19937 random(static_cast<unsigned>(options.seed));
  std::vector<std::uint32_t> tokens(point.sequences);
  const auto step = [&] {
    for (auto& t : tokens) t = static_cast<std::uint32_t>(random() % order.shape.vocabulary);
    decoder.step(tokens);
  };
  step();  // warm
  DecodeVisit found;
  std::vector<double> multiply_rates;
  const auto start = Clock::now();
  for (;;) {
    const std::size_t n = found.samples.size();
    const bool done = (n >= least && since(start) > options.visit_seconds) || n >= most ||
                      since(start) > 6 * options.visit_seconds + 5;
    if (rank.most(done || Interrupt::asked() ? 1 : 0) > 0) break;
    rank.barrier();
    const double waited = waiting_seconds();
    step();
    double raw = 0;
    for (const OpSeconds& l : decoder.times()) raw += seconds_of(l);
    const double share = rank.most((waiting_seconds() - waited) / raw),
                 multiply_rate = beside.multiply_rate(rank);
    if (share > waiting_share || !beside.is_own_cores(multiply_rate)) {
      ++found.disturbed;
      continue;
    }
    multiply_rates.push_back(multiply_rate);
    found.samples.push_back(scaled_out(decoder.times(), order.scales));
    found.experts_read += static_cast<double>(decoder.experts_read());
  }
  if (const std::size_t n = found.samples.size() * layers_with_experts(order.shape); n > 0)
    found.experts_read /= static_cast<double>(n);
  if (!multiply_rates.empty()) found.multiply_rate = results::median_of(std::move(multiply_rates));
  return found;
}

// Until the memory gave the same before and after, or it is too much.
DecodeVisit settled_visit(Decoder& decoder, const DecodeOrder& order, const DecodePoint& point,
                          const DecodeOptions& options, const DecodeRank& rank, Beside& beside) {
  constexpr double same = 0.1;
  constexpr int attempts = 3;
  decoder.resize(point.sequences, point.context);
  DecodeVisit found;
  double before = beside.read_rate(rank);
  for (int i = 0; i < attempts; ++i) {
    found = visit(decoder, order, point, options, rank, beside);
    const double after = beside.read_rate(rank);
    found.read_rate = (before + after) / 2;
    if (std::abs(after / before - 1) <= same) break;
    before = after;
  }
  return found;
}

}  // namespace

OpSeconds scaled_out(const std::vector<OpSeconds>& blocks, const std::vector<LayerScale>& scales) {
  OpSeconds sum{};
  const auto add = [&](std::size_t block, double scale) {
    for (std::size_t op = 0; op < sum.size(); ++op) sum[op] += scale * blocks[block][op];
  };
  for (std::size_t l = 0; l < scales.size(); ++l) {
    add(2 * l, scales[l].attention);
    add(2 * l + 1, scales[l].network);
  }
  add(2 * scales.size(), 1);
  return sum;
}

std::size_t layers_with_experts(const kernels::DecodeShape& shape) {
  return static_cast<std::size_t>(std::count_if(shape.layers.begin(), shape.layers.end(),
                                                [](const auto& l) { return l.experts > 0; }));
}

double decode_bytes(const DecodeOrder& order, std::size_t ranks) {
  auto part = kernels::slice(order.shape, 0, ranks);
  double cache = 0;
  for (const auto& layer : part.layers) {
    const auto& latent = layer.latent;
    const std::size_t elements =
        layer.is_latent() ? latent.key_dim() + latent.index_dim : 2 * layer.k_width();
    double most = 0;
    for (const auto& p : order.points) {
      part.context = p.context;
      most = std::max(most, double(p.sequences) * double(part.kept(layer)));
    }
    cache += most * double(elements) * 2;
  }
  return kernels::weight_bytes(part) + cache;
}

std::vector<DecodeTimes> time_decode(kernels::Team& team, const DecodeOrder& order,
                                     const DecodeOptions& options, const DecodeRank& rank) {
  for (const auto& small : kernels::shapes_to_verify(order.shape.weights)) {
    const auto wrong = kernels::verify_decoder(team, small, rank.rank, rank.ranks, rank.exchanges);
    if (!wrong.empty()) throw Error("a wrong decode step is not timed: " + wrong, Exit::failed);
  }
  auto shape = kernels::slice(order.shape, rank.rank, rank.ranks);
  shape.sequences = shape.context = 1;
  Decoder decoder(team, shape, Decoder::Fill::random, options.seed, rank.exchanges);
  Beside beside(team);
  std::vector<DecodeTimes> all(order.points.size());
  for (int v = 0; v < options.visits; ++v) {
    for (const std::size_t i :
         shuffled(order.points.size(), options.seed, static_cast<std::uint64_t>(v)))
      all[i].push_back(settled_visit(decoder, order, order.points[i], options, rank, beside));
  }
  return all;
}

std::vector<std::vector<DecodeTimes>> decode_here(const std::vector<DecodeOrder>& orders,
                                                  const DecodeOptions& options, int ranks,
                                                  std::string& note) {
  if (ranks > 1) return run_mpi_decode(orders, options, ranks, note);
  const Interrupt interrupt;
  const AffinityKeeper affinity;
  const Topology topology;
  kernels::Team team(topology.usable(), [&](int member) { topology.bind(member); });
  std::vector<std::vector<DecodeTimes>> all;
  for (const DecodeOrder& order : orders) {
    all.push_back(time_decode(team, order, options));
    if (Interrupt::asked()) throw Error("interrupted", Exit::failed);  // it has no samples
  }
  return all;
}

}  // namespace limen::probes
