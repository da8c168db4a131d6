#include "cli/verify_cases.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::cli {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

kernels::Format format_of(model::Format f) {
  return f == model::Format::int8   ? kernels::Format::int8
         : f == model::Format::int4 ? kernels::Format::int4
                                    : kernels::Format::bf16;
}

void set_attention(kernels::LayerShape& layer, const model::AttentionLayers& a) {
  layer.query_heads = size(a.query_heads);
  layer.kv_heads = size(a.kv_heads);
  layer.head_dim = size(a.head_dim);
  layer.window = size(a.window);
  layer.chunked = a.chunked;
  if (!a.latent()) return;
  layer.latent = {size(a.q_rank),    size(a.kv_rank),     size(a.nope),      size(a.rope),
                  size(a.value_dim), size(a.index_heads), size(a.index_dim), size(a.index_top)};
}

// Which families weigh experts by sigmoids no card says.
bool weighs_by_sigmoid(const std::string& family) {
  constexpr const char* families[] = {"deepseek_v3", "kimi_k2",     "glm4_moe",
                                      "glm_moe_dsa", "llama4_text", "minimax_m2"};
  return std::find(std::begin(families), std::end(families), family) != std::end(families);
}

void set_network(kernels::LayerShape& layer, const model::FeedForwardLayers& f, bool sigmoid) {
  layer.width = size(f.width);
  layer.gated = f.gated;
  layer.experts = size(f.experts);
  layer.top_k = size(f.top_k);
  layer.expert_width = size(f.expert_width);
  layer.sigmoid = sigmoid && f.experts > 0;
}

// Of n layers those of each kind: as many as its share, one at least of a kind that there is.
template <class Kinds>
std::array<std::int64_t, 2> layers_by_kind(const Kinds& kinds, std::int64_t n) {
  const std::int64_t all = kinds[0].layers + kinds[1].layers;
  if (kinds[0].layers == 0 || kinds[1].layers == 0)
    return {kinds[0].layers > 0 ? n : 0, kinds[1].layers > 0 ? n : 0};
  const auto first = std::lround(double(n) * double(kinds[0].layers) / double(all));
  const auto some = std::clamp<std::int64_t>(first, 1, n - 1);
  return {some, n - some};
}

// n layers of the model's kinds: those of the first kind first.
void set_layers(probes::DecodeOrder& order, const model::Transformer& t, std::int64_t n) {
  order.shape.layers.assign(size(n), {});
  order.scales.assign(size(n), {});
  const auto attention = layers_by_kind(t.attention, n),
             network = layers_by_kind(t.feed_forward, n);
  for (std::int64_t l = 0; l < n; ++l) {
    const std::size_t a = l < attention[0] ? 0 : 1, f = l < network[0] ? 0 : 1;
    set_attention(order.shape.layers[size(l)], t.attention[a]);
    set_network(order.shape.layers[size(l)], t.feed_forward[f], weighs_by_sigmoid(t.family));
    order.scales[size(l)] = {double(t.attention[a].layers) / double(attention[a]),
                             double(t.feed_forward[f].layers) / double(network[f])};
  }
}

// That a step of the smallest point reads at least.
double bytes_read(const model::Transformer& t, const kernels::DecodeShape& shape,
                  model::Format weights) {
  double read = kernels::weight_bytes(shape);
  for (const auto& layer : shape.layers)
    read -= double(layer.experts_held() - std::min(layer.top_k, layer.experts_held())) *
            t.expert_weights({.expert_width = std::int64_t(layer.expert_width)}) *
            model::weight_bytes(weights);
  return read;
}

}  // namespace

probes::DecodeOrder reduced(const model::Transformer& t, model::Format weights,
                            const std::vector<probes::DecodePoint>& points, double least,
                            double most, bool deal_experts) {
  probes::DecodeOrder order;
  order.points = points;
  order.shape.weights = format_of(weights);
  order.shape.hidden = size(t.hidden);
  order.shape.vocabulary = size(t.vocabulary);
  const auto fewest = std::min<std::int64_t>(2, t.layers());
  auto layers = fewest;
  for (;; ++layers) {
    set_layers(order, t, layers);
    if (layers == t.layers() || bytes_read(t, order.shape, weights) >= least) break;
  }
  const auto why = std::any_of(t.feed_forward.begin(), t.feed_forward.end(),
                               [](const auto& f) { return f.experts > 0 && !f.gated; })
                       ? "experts without gates"
                       : kernels::unsliceable(order.shape, 1);
  if (!why.empty())
    throw Error(fmt::format("--model: no decode step is built for {}: {}", t.name, why));
  for (; layers >= fewest; --layers) {
    set_layers(order, t, layers);
    if (probes::decode_bytes(order, 1) <= most) return order;
  }
  // Fewer experts, as long as those that remain outgrow the caches by themselves.
  for (auto& held = order.shape.layers.back().held; deal_experts;) {
    const auto& layer = order.shape.layers.back();
    const double each = t.expert_weights({.expert_width = std::int64_t(layer.expert_width)}) *
                        model::weight_bytes(weights);
    const std::size_t fewer = layer.experts_held() * 3 / 4;
    if (fewer < std::max<std::size_t>(layer.top_k, 2) || double(fewer) * each < least) break;
    held = fewer;
    for (auto& other : order.shape.layers)
      if (other.experts > 0) other.held = held;
    if (probes::decode_bytes(order, 1) <= most) return order;
  }
  throw Error(
      fmt::format("{} with {} weights: two layers and the cache need {:.1f} GB, and {:.1f} "
                  "GB may be used (--memory-share); take a smaller batch or context",
                  t.name, model::name(weights), probes::decode_bytes(order, 1) / 1e9, most / 1e9),
      Exit::unfit);
}

std::string reduction_text(const model::Transformer& t, const probes::DecodeOrder& order) {
  const auto kinds = [&](const auto& of_model, const char* what) {
    const auto run = layers_by_kind(of_model, static_cast<std::int64_t>(order.shape.layers.size()));
    std::string text;
    for (std::size_t i = 0; i < 2; ++i)
      if (of_model[i].layers > 0)
        text += fmt::format("{}{} of {}", text.empty() ? "" : " + ", run[i], of_model[i].layers);
    return fmt::format("{} {}", what, text);
  };
  std::string text =
      fmt::format("{} {}: layers run, by kind: {}, {}", t.name, kernels::name(order.shape.weights),
                  kinds(t.attention, "attention"), kinds(t.feed_forward, "network"));
  for (const auto& layer : order.shape.layers)
    if (layer.held > 0)
      return text + fmt::format("; {} of {} experts in memory, each read for those it stands for",
                                layer.held, layer.experts);
  return text;
}

model::Machine with_wide_activations(model::Machine m) {
  for (auto& piece : m.all_reduce) {
    piece.from = piece.from * 0.5;
    for (auto* beta : {&piece.beta.value, &piece.beta.low, &piece.beta.high}) *beta = *beta * 2.0;
  }
  return m;
}

model::Machine with_memory(model::Machine m, double scale) {
  for (auto* rate :
       {&m.memory_bandwidth->value, &m.memory_bandwidth->low, &m.memory_bandwidth->high})
    *rate = *rate * scale;
  return m;
}

kernels::OpSeconds predicted_operators(const model::Machine& m, const model::Case& c) {
  const model::Demand d = model::demand_of(c);
  const model::Rates r = model::rates(m, c.workload, c.partition, d);
  kernels::OpSeconds out{};
  const auto add = [&](const char* name, model::Seconds time) {
    for (std::size_t op = 0; op < out.size(); ++op)
      if (std::strcmp(kernels::op_names[op], name) == 0) out[op] += time.in(model::seconds);
  };
  model::for_each_operator<double>(
      *c.transformer, c.workload, c.partition,
      [&](const model::OperatorOf<double>& o) {
        const auto& part = r.parts[std::size_t(o.part)];
        const auto memory = o.work.moved() / (r.bandwidth * part.efficiency);
        const auto time =
            model::part_time(part, memory, o.work.flops, o.weights, model::seconds(0.0));
        add(o.name, o.count * (time.together + part.fixed));
      },
      [](const auto&) {});
  add("exchange", model::exchange_time(r.exchanges, d));
  add("rest", d.scalar / r.scalar);
  return out;
}

}  // namespace limen::cli
