#include "kernels/cuda/decoder.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "kernels/cuda/decoder_rank.hpp"

namespace limen::gpu {
namespace {

using kernels::Numbers;

Memory<Words> gain(const Device& d, std::size_t layer, std::size_t which, std::size_t columns) {
  std::vector<Words> words(columns / 8);
  for (std::size_t i = 0; i < columns; ++i)  // exact in bf16
    words[i / 8].w[i / 2 % 4] |=
        std::bit_cast<U32>(Numbers::gain(layer, which, i)) >> 16 << 16 * (i % 2);
  return upload(d, words);
}

}  // namespace

std::string not_for_gpus(const DecodeShape& s, std::size_t ranks) {
  if (auto why = kernels::unsliceable(s, ranks); !why.empty()) return why;
  if (ranks > most_ranks) return fmt::format("{} devices, more than {}", ranks, most_ranks);
  if (s.sequences > most_sequences)
    return fmt::format("{} sequences, more than {}", s.sequences, most_sequences);
  if (s.layers.empty()) return "no layers";
  for (const LayerShape& l : s.layers) {
    if (auto why = latent_not_for_gpus(l.latent, s.context); !why.empty()) return why;
    if (!l.gated) return "a network without gates";
    if (l.held > 0) return "experts that stand for others";
    if (!l.is_latent() && l.head_dim != 64 && l.head_dim != 128)
      return fmt::format("heads of {} elements; kernels are built for 64 and 128", l.head_dim);
    for (const auto& [what, n] : {std::pair{"elements a token", s.hidden},
                                  {"columns of the output's slice", l.out_width() / ranks},
                                  {"columns of a network's slice", l.width / ranks},
                                  {"columns of an expert's slice", l.expert_width / ranks}})
      if (n % 8 != 0) return fmt::format("{} {}, not a multiple of 8", n, what);
    if (l.experts > most_experts || most_sequences * l.top_k > most_pairs)
      return fmt::format("{} experts, {} a token; at most {} and {}", l.experts, l.top_k,
                         most_experts, most_pairs / most_sequences);
  }
  return {};
}

Decoder::Decoder(const DeviceRanks& among, const DecodeShape& whole, Fill fill, U32 seed,
                 ExchangeBy by)
    : group_(among), whole_(whole), fill_(fill), seed_(seed), by_(by) {
  if (const auto why = not_for_gpus(whole, ranks()); !why.empty())
    throw DeviceError("decode: " + why, 1);
  if (by_ == ExchangeBy::nccl && ranks() > 1) {
    std::string why;
    nccl_ = Nccl::open(group_, why);
    if (nccl_) why = nccl_->not_in_graphs();
    if (!why.empty()) throw DeviceError(why, 801);
  }
  group_.together([&] {
    for (std::size_t i = 0; i < group_.devices.size(); ++i) {
      ranks_.push_back(std::make_unique<Rank>());
      ranks_.back()->device = group_.devices[i];
      ranks_.back()->multiply.emplace(*group_.devices[i]);
      ranks_.back()->shape = kernels::slice(whole, group_.first + i, ranks());
      make_weights(*ranks_.back(), fill, seed);
    }
  });
  resize(whole.sequences, whole.context);
}

Decoder::~Decoder() = default;

void Decoder::make_weights(Rank& r, Fill fill, U32 seed) {
  const Device& d = *r.device;
  const DecodeShape& s = r.shape;
  U32 matrix = seed * 0x10001u + u(s.rank) * 0x1000001u;
  const auto weights = [&](std::size_t l, const LayerShape& layer, Role role, std::size_t count) {
    return fill == Fill::numbers
               ? numbered_weights(d, s, l, role)
               : random_weights(d, kernels::matrix_shape(s, layer, role), count, ++matrix);
  };
  for (std::size_t l = 0; l < s.layers.size(); ++l) {
    const LayerShape& layer = s.layers[l];
    r.layers.emplace_back();
    Layer& made = r.layers.back();
    for (Role role : dense_roles) {
      const std::size_t count = kernels::count_of(layer, role);
      if (count > 0) made.dense[static_cast<std::size_t>(role)] = weights(l, layer, role, count);
    }
    if (layer.experts > 0) {
      made.expert_gate_up = weights(l, layer, Role::expert_gate_up, layer.experts);
      made.expert_down = weights(l, layer, Role::expert_down, layer.experts);
      made.active = {d, layer.experts + 1};
    }
    made.attention_gain = gain(d, l, 0, s.hidden);
    made.network_gain = gain(d, l, 1, s.hidden);
    if (layer.latent.query_rank > 0) made.query_gain = gain(d, l, 2, layer.latent.query_rank);
    if (layer.is_latent()) made.latent_gain = gain(d, l, 3, layer.latent.rank);
  }
  r.head = weights(s.layers.size(), {}, Role::head, 1);
  r.last_gain = gain(d, s.layers.size(), 0, s.hidden);
  const LayerShape& any = s.layers[0];  // the same in all layers
  const std::size_t dim = any.is_latent() ? any.latent.rope : any.head_dim;
  std::vector<U64> turns;
  for (std::size_t i = 0; i < dim / 2; ++i) {
    const double angle = std::pow(kernels::rotation_base, -2.0 * double(i) / double(dim));
    turns.push_back(static_cast<U64>(std::ldexp(angle / (2 * M_PI), 64)));
  }
  r.turns = upload(d, turns);
}

void Decoder::make_arrays(Rank& r) {
  const Device& d = *r.device;
  r.shape = kernels::slice(whole_, r.shape.rank, ranks());
  const DecodeShape& s = r.shape;
  make_caches(r);
  std::size_t qkv = 0, q = 0, partial = 0, both = 0, gated = 0, pairs = 0, experts = 0;
  for (const LayerShape& layer : s.layers) {
    const std::size_t its_pairs = r.sequences() * layer.top_k;
    qkv = std::max(qkv, layer.projected());
    q = std::max(q, layer.out_width());
    both = std::max({both, r.sequences() * 2 * layer.width, its_pairs * 2 * layer.expert_width});
    gated = std::max(
        {gated, r.sequences() * x_words(layer.width), its_pairs * x_words(layer.expert_width)});
    pairs = std::max(pairs, its_pairs);
    experts = std::max(experts, layer.experts);
    if (layer.is_latent()) continue;
    const Attention a = attention_of(s, layer);
    partial = std::max(partial, attention_partial(a, attention_shares(d, a)));
  }
  make_latent_arrays(r);
  r.tokens = {d, r.sequences()};
  r.next = {d, r.sequences()};
  r.residual = {d, r.sequences() * s.hidden};
  r.out = {d, r.sequences() * s.hidden};
  r.normed = {d, r.sequences() * x_words(s.hidden)};
  r.qkv = {d, r.sequences() * qkv};
  r.q = {d, r.sequences() * q};
  r.partial = {d, partial};
  r.attended = {d, r.sequences() * x_words(q)};
  r.gate_up = {d, both};
  r.gated = {d, gated};
  r.scores = {d, r.sequences() * experts};
  for (auto* each : {&r.chosen, &r.slot, &r.source}) *each = {d, pairs};
  r.first = {d, experts + 1};
  r.weight = {d, pairs};
  r.results = {d, pairs * s.hidden};
  r.logits = {d, r.sequences() * s.vocabulary};
  r.candidates = {d, r.sequences() * candidate_shares(s)};
  if (ranks() > 1) {
    r.message = {d, r.sequences() * s.hidden / 8};
    r.summed = {d, r.sequences() * s.hidden / 8};
    r.choice = {d, ranks() * r.sequences() * 4};
    r.choices = {d, ranks() * r.sequences() * 4};
    d.fill(r.choice.data(), 0, r.choice.bytes());
  }
  d.synchronize();
}

void Decoder::resize(std::size_t sequences, std::size_t context) {
  step_.reset();
  parts_.clear();
  close();
  whole_.sequences = sequences;
  whole_.context = context;
  if (const auto why = not_for_gpus(whole_, ranks()); !why.empty())
    throw DeviceError("decode: " + why, 1);
  group_.together([&] {
    for (auto& r : ranks_) make_arrays(*r);
  });
  if (ranks() > 1) {
    sums_ = make_step_sum(group_, by_, nccl_.get(), sequences * whole_.hidden * 2);
    choices_ = make_step_sum(group_, by_, nccl_.get(), ranks() * sequences * 16);
  }
  for (auto& r : ranks_) make_stages(*r);
  // Once outside of a graph, stage by stage on all ranks: kernels are loaded, and no rank waits for
  // one whose launches are not sent yet.
  set_tokens(std::vector<U32>(sequences, 0));
  for (std::size_t i = 0; i < ranks_[0]->stages.size(); ++i)
    for (auto& r : ranks_) r->stages[i].send();
  check_peers();
  step_ = capture([](const Stage&) { return true; });
}

template <class Wanted>
std::unique_ptr<CapturedGraph> Decoder::capture(Wanted&& wanted) {
  const auto& stages = ranks_[0]->stages;  // all ranks have the same
  if (std::none_of(stages.begin(), stages.end(), [&](const Stage& s) { return wanted(s); }))
    return nullptr;
  return std::make_unique<CapturedGraph>(group_.devices, [&] {
    for (std::size_t i = 0; i < stages.size(); ++i)
      for (const auto& r : ranks_)
        if (wanted(stages[i])) r->stages[i].send();
  });
}

void Decoder::set_tokens(const std::vector<U32>& tokens) {
  for (auto& r : ranks_) {
    r->device->copy(r->tokens.data(), tokens.data(), tokens.size() * sizeof(U32));
    r->device->synchronize();
  }
}

void Decoder::check_peers() const {
  for (auto& r : ranks_) r->device->synchronize();
  if (ranks() == 1) return;
  for (const auto& peers : {sums_.get(), choices_.get()})
    if (const auto trouble = peers->trouble(); !trouble.empty())
      throw DeviceError("decode: " + trouble, 999);
}

void Decoder::step(std::vector<U32>& tokens) {
  set_tokens(tokens);
  step_->launch();
  check_peers();
  tokens = download(*ranks_[0]->device, ranks_[0]->next.data(), tokens.size());
}

double Decoder::time_graph(const CapturedGraph& graph, unsigned repeats) {
  std::vector<std::unique_ptr<Stopwatch>> watches;
  for (auto& r : ranks_) watches.push_back(std::make_unique<Stopwatch>(*r->device));
  for (auto& watch : watches) watch->start();
  for (unsigned i = 0; i < repeats; ++i) graph.launch();
  for (auto& watch : watches) watch->mark();
  double most = 0;
  for (auto& watch : watches) most = std::max(most, watch->seconds());
  check_peers();
  return most / repeats;
}

double Decoder::time_step(const std::vector<U32>& tokens, unsigned repeats) {
  set_tokens(tokens);
  return time_graph(*step_, repeats);
}

double Decoder::time(const std::vector<std::size_t>& blocks, std::optional<Op> op,
                     unsigned repeats) {
  auto [at, is_new] = parts_.try_emplace({blocks, op});
  if (is_new)
    at->second = capture([&](const Stage& s) {
      return (!op || s.op == *op) && std::count(blocks.begin(), blocks.end(), s.block) > 0;
    });
  return at->second ? time_graph(*at->second, repeats) : 0;
}

void Decoder::close() {
  for (const auto& sum : {sums_.get(), choices_.get()})
    if (sum != nullptr) sum->close();
}

std::vector<float> Decoder::logits(std::size_t rank) const {
  const Rank& r = *ranks_[rank - group_.first];
  return download(*r.device, r.logits.data(), r.logits.size());
}

std::size_t Decoder::experts_read() const {
  std::size_t sum = 0;
  for (const Layer& layer : ranks_[0]->layers)
    if (layer.active.size() > 0) sum += download(*ranks_[0]->device, layer.active.data(), 1)[0];
  return sum;
}

}  // namespace limen::gpu