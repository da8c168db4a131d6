#include "probes/gpu_decode.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <random>

#include <fmt/format.h>

#include "kernels/cuda/decoder.hpp"
#include "kernels/cuda/peers.hpp"
#include "model/error.hpp"
#include "probes/interrupt.hpp"
#include "probes/schedule.hpp"
#include "results/measurement.hpp"
#include "results/statistics.hpp"

namespace limen::probes {
namespace {

using kernels::Op, kernels::OpSeconds;
using Clock = std::chrono::steady_clock;
constexpr double least_seconds = 5e-3;  // of a sample, by the devices' clocks
constexpr unsigned most_repeats = 200;

// The devices of a job, or one of them, the others being those of other processes: whatever is
// decided by time is decided together.
struct Job {
  GpuBench& bench;
  gpu::DeviceRanks ranks;
  gpu::ExchangeBy by;
  DecodeRank together{};
  const std::vector<const gpu::Device*>& devices = ranks.devices;

  bool any(bool here) const { return together.most(here ? 1 : 0) > 0; }
  bool emulated() const { return devices[0]->properties().emulated; }
  bool disturbed() const {
    return std::any_of(devices.begin(), devices.end(), [&](const gpu::Device* d) {
      return (Disturbance(bench.nvml(), d->properties().pci).end() &
              (results::throttled | results::shared_device)) != 0;
    });
  }
  // Bytes a second of the read kernel on the slowest device, the median of three.
  double read_rate() {
    double least = INFINITY;
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const gpu::Device& d = *devices[i];
      const auto& memory = bench.data(i);
      const auto sum = gpu::upload(d, std::vector<gpu::U64>{0});
      std::vector<double> rates;
      gpu::Stopwatch watch(d);
      for (int n = 0; n < 4; ++n) {  // the first is warm-up
        watch.start();
        gpu::stream(d, gpu::Stream::read, {.from = memory.data(), .sum = sum.data()}, memory.size(),
                    gpu::full_grid(d, d.kernels().read), 0);
        const double seconds = watch.stop();
        if (n > 0) rates.push_back(static_cast<double>(memory.bytes()) / seconds);
      }
      least = std::min(least, results::median_of(std::move(rates)));
    }
    return -together.most(-least);
  }
};

unsigned repeats_for(double seconds) {
  return static_cast<unsigned>(
      std::clamp(std::ceil(least_seconds / std::max(seconds, 1e-9)), 1.0, double{most_repeats}));
}

// Blocks of a step that stand for as many of the model.
using Groups = std::map<double, std::vector<std::size_t>>;

Groups groups_of(const std::vector<LayerScale>& scales) {
  Groups groups;
  for (std::size_t l = 0; l < scales.size(); ++l) {
    groups[scales[l].attention].push_back(2 * l);
    groups[scales[l].network].push_back(2 * l + 1);
  }
  groups[1].push_back(2 * scales.size());
  return groups;
}

// One step, scaled out to the whole model. Apart, the groups may take more or less than in the one
// graph of the step, whose time is what counts.
OpSeconds sample(const Job& job, gpu::Decoder& decoder, const std::vector<std::uint32_t>& tokens,
                 unsigned repeats, const Groups& groups) {
  const double total = job.together.most(decoder.time_step(tokens, repeats));
  OpSeconds out{};
  double apart = 0, scaled = 0, others = 0;
  for (const auto& [scale, blocks] : groups) {
    const double whole = job.together.most(decoder.time(blocks, {}, repeats));
    apart += whole;
    scaled += scale * whole;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (static_cast<Op>(i) == Op::rest) continue;
      const double time =
          scale * job.together.most(decoder.time(blocks, static_cast<Op>(i), repeats));
      out[i] += time;
      others += time;
    }
  }
  out[static_cast<std::size_t>(Op::rest)] = scaled * total / apart - others;
  return out;
}

DecodeVisit visit(Job& job, gpu::Decoder& decoder, const DecodeOrder& order,
                  const DecodePoint& point, const DecodeOptions& options) {
  constexpr std::size_t least = 3, most = 60;
  decoder.resize(point.sequences, point.context);
  // Other tokens each time: what random weights go on with would soon repeat itself.
  std::mt19937 random(static_cast<unsigned>(options.seed));
  std::vector<std::uint32_t> tokens(point.sequences);
  const auto other_tokens = [&] {
    for (auto& t : tokens) t = static_cast<std::uint32_t>(random() % order.shape.vocabulary);
  };
  const Groups groups = groups_of(order.scales);
  DecodeVisit found;
  found.emulated = job.emulated();
  found.memories = job.ranks.ranks;
  const double before = job.read_rate();
  other_tokens();
  const unsigned repeats =
      found.emulated ? 1 : repeats_for(job.together.most(decoder.time_step(tokens, 1)));
  const auto start = Clock::now();
  const auto since = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  for (;;) {
    const std::size_t n = found.samples.size();
    if (job.any(n >= most || (n >= least && since() > options.visit_seconds) ||
                since() > 6 * options.visit_seconds + 5 || (found.emulated && n > 0) ||
                Interrupt::asked()))
      break;
    other_tokens();
    const OpSeconds s = sample(job, decoder, tokens, repeats, groups);
    if (job.any(job.disturbed())) {
      ++found.disturbed;
      continue;
    }
    found.samples.push_back(s);
    found.experts_read += static_cast<double>(decoder.experts_read());
  }
  if (const std::size_t n = found.samples.size() * layers_with_experts(order.shape); n > 0)
    found.experts_read /= static_cast<double>(n);
  found.read_rate = (before + job.read_rate()) / 2;
  return found;
}

std::vector<DecodeTimes> time_order(Job& job, const DecodeOrder& order,
                                    const DecodeOptions& options) {
  const auto& wrong = job.bench.verified(
      fmt::format("decode {} {} {}", kernels::name(order.shape.weights), job.ranks.ranks,
                  gpu::name(job.by)),
      [&] {
        const auto products = gpu::verify_products(job.ranks, order.shape.weights);
        return products.empty() ? gpu::verify_decode(job.ranks, order.shape.weights, job.by)
                                : products;
      });
  if (!wrong.empty()) throw Error("a wrong decode step is not timed: " + wrong, Exit::failed);
  auto shape = order.shape;
  shape.sequences = shape.context = 1;
  gpu::Decoder decoder(job.ranks, shape, gpu::Decoder::Fill::random,
                       static_cast<std::uint32_t>(options.seed), job.by);
  std::vector<DecodeTimes> all(order.points.size());
  for (int v = 0; v < options.visits; ++v)
    for (const std::size_t i :
         shuffled(order.points.size(), options.seed, static_cast<std::uint64_t>(v)))
      all[i].push_back(visit(job, decoder, order, order.points[i], options));
  decoder.close();
  return all;
}

std::vector<std::vector<DecodeTimes>> time_orders(Job& job, const std::vector<DecodeOrder>& orders,
                                                  const DecodeOptions& options) {
  const Interrupt interrupt;
  std::vector<std::vector<DecodeTimes>> all;
  for (const DecodeOrder& order : orders) {
    all.push_back(time_order(job, order, options));
    if (job.any(Interrupt::asked())) throw Error("interrupted", Exit::failed);
  }
  return all;
}

gpu::ExchangeBy exchange_by(const DecodeOptions& options) {
  return options.exchange == "nccl" ? gpu::ExchangeBy::nccl : gpu::ExchangeBy::own;
}

[[noreturn]] void fail(const gpu::DeviceError& e) {
  if (e.out_of_memory())
    throw Error(fmt::format("{}; take a smaller --memory-share, batch or context", e.what()),
                Exit::unfit);
  throw Error(fmt::format("a decode step on GPUs failed: {}; `limen probe gpu --verify` checks "
                          "kernel by kernel",
                          e.what()),
              Exit::failed);
}

// Why these devices cannot do it together, or empty.
std::string not_together(const std::vector<const gpu::Device*>& devices, gpu::ExchangeBy by) {
  if (by == gpu::ExchangeBy::own) return gpu::out_of_reach(devices);
  std::string why;
  const auto nccl = devices.size() > 1 ? gpu::Nccl::open(devices, why) : nullptr;
  return nccl ? nccl->not_in_graphs() : why;
}

}  // namespace

std::vector<std::vector<DecodeTimes>> decode_on_gpus(GpuBench& bench,
                                                     const std::vector<DecodeOrder>& orders,
                                                     const DecodeOptions& options,
                                                     std::size_t ranks, std::string& note) {
  if (ranks > bench.devices().size()) {
    note = fmt::format("left out: {} GPUs can be used here", bench.devices().size());
    return {};
  }
  std::vector<const gpu::Device*> devices;
  for (std::size_t i = 0; i < ranks; ++i) devices.push_back(&bench.devices()[i]);
  try {
    if (const auto why = not_together(devices, exchange_by(options)); !why.empty()) {
      note = "left out: " + why;
      return {};
    }
    Job job{bench, devices, exchange_by(options)};
    return time_orders(job, orders, options);
  } catch (const gpu::DeviceError& e) {
    fail(e);
  }
}

std::vector<std::vector<DecodeTimes>> decode_as_gpu_rank(GpuBench& bench,
                                                         const std::vector<DecodeOrder>& orders,
                                                         const DecodeOptions& options,
                                                         const DecodeRank& rank,
                                                         gpu::Meeting& others) {
  try {
    Job job{bench, {bench.devices()[0], rank.rank, rank.ranks, others}, exchange_by(options), rank};
    return time_orders(job, orders, options);
  } catch (const gpu::DeviceError& e) {
    fail(e);
  }
}

}  // namespace limen::probes
