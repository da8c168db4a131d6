#include "cli/verify_cases.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::cli {
namespace {

const model::AttentionLayers& attention_of(const model::Transformer& t) {
  return t.attention[t.attention[0].layers > 0 ? 0 : 1];
}
const model::FeedForwardLayers& network_of(const model::Transformer& t) {
  return t.feed_forward[t.feed_forward[0].layers > 0 ? 0 : 1];
}

kernels::Format format_of(model::Format f) {
  return f == model::Format::int8   ? kernels::Format::int8
         : f == model::Format::int4 ? kernels::Format::int4
                                    : kernels::Format::bf16;
}

}  // namespace

std::string not_built(const model::Transformer& t) {
  const auto& a = attention_of(t);
  const auto& f = network_of(t);
  const auto kinds = [](const auto& layers) {
    return (layers[0].layers > 0 ? 1 : 0) + (layers[1].layers > 0 ? 1 : 0);
  };
  if (kinds(t.attention) > 1) return "layers of two kinds of attention";
  if (kinds(t.feed_forward) > 1) return "dense layers beside those with experts";
  if (a.latent()) return "latent attention (MLA)";
  if (a.index_heads > 0) return "sparse attention";
  if (a.chunked) return "chunked attention";
  if (!f.gated) return "a network without gates";
  if (a.head_dim % 16 != 0) return fmt::format("heads of {} elements", a.head_dim);
  return "";
}

std::size_t seen_of(const model::Transformer& t, std::size_t context) {
  const auto window = static_cast<std::size_t>(attention_of(t).window);
  return window > 0 ? std::min(window, context) : context;
}

probes::DecodeOrder reduced(const model::Transformer& t, model::Format weights,
                            const std::vector<probes::DecodePoint>& points, double least,
                            double most) {
  const auto& a = attention_of(t);
  const auto& f = network_of(t);
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  const kernels::LayerShape layer{
      size(a.query_heads), size(a.kv_heads), size(a.head_dim), 1,
      size(f.width),       size(f.experts),  size(f.top_k),    size(f.expert_width)};
  probes::DecodeOrder order;
  order.points = points;
  order.shape.weights = format_of(weights);
  order.shape.hidden = size(t.hidden);
  order.shape.vocabulary = size(t.vocabulary);
  // A step of the smallest point reads at least this of a layer.
  const double head = t.head_weights() * model::weight_bytes(weights);
  const double read =
      (t.attention_weights(a) + t.dense_weights(f) + double(f.top_k) * t.expert_weights(f)) *
      model::weight_bytes(weights);
  const auto enough = static_cast<std::int64_t>(std::ceil((least - head) / read));
  auto layers = std::clamp<std::int64_t>(enough, 2, t.layers());
  for (; layers >= std::min<std::int64_t>(2, t.layers()); --layers) {
    order.shape.layers.assign(size(layers), layer);
    order.layer_scale = double(t.layers()) / double(layers);
    if (probes::decode_bytes(order, 1) <= most) return order;
  }
  throw Error(
      fmt::format("{} with {} weights: two layers and the cache need {:.1f} GB, and {:.1f} "
                  "GB may be used (--memory-share); take a smaller batch or context",
                  t.name, model::name(weights), probes::decode_bytes(order, 1) / 1e9, most / 1e9),
      Exit::unfit);
}

model::Machine with_wide_activations(model::Machine m) {
  for (auto& piece : m.all_reduce) {
    piece.from = piece.from * 0.5;
    for (auto* beta : {&piece.beta.value, &piece.beta.low, &piece.beta.high}) *beta = *beta * 2.0;
  }
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
