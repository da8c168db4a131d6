#include "cli/list_models.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace limen::cli {
namespace {

using namespace model;

std::string kind(const AttentionLayers& a) {
  std::string out = a.latent()                    ? "MLA"
                    : a.kv_heads == a.query_heads ? "MHA"
                    : a.kv_heads == 1             ? "MQA"
                                      : fmt::format("GQA {}:1", a.query_heads / a.kv_heads);
  if (a.index_heads > 0) out += fmt::format(", top {}", a.index_top);
  return out;
}

// "GQA 8:1, 18 of 36 see 128"
std::string attention(const Transformer& t) {
  const AttentionLayers& local = t.attention[1];
  std::string out = kind(t.attention[0].layers > 0 ? t.attention[0] : local);
  if (local.layers > 0) {
    out += fmt::format(", {} of {} layers see {} {}", local.layers, t.layers(),
                       local.chunked ? "a chunk of" : "the last", local.window);
  }
  return out;
}

std::string experts(const Transformer& t) {
  for (const auto& f : t.feed_forward) {
    if (f.layers > 0 && f.experts > 0) return fmt::format("{} of {}", f.top_k, f.experts);
  }
  return "-";
}

std::string native(const Transformer& t) {
  if (!t.native_unknown.empty()) return "unknown";
  std::string out = name(t.native.weights);
  if (t.native.experts != t.native.weights)
    out += fmt::format(", experts {}", name(t.native.experts));
  if (t.native.head != t.native.weights) out += fmt::format(", head {}", name(t.native.head));
  return out;
}

}  // namespace

void list_models(const std::vector<Transformer>& models, bool json) {
  auto out = nlohmann::ordered_json::array();
  if (!json) {
    fmt::print("{:<24} {:<13} {:>9} {:>9} {:>6} {:>9} {:>10} {:>9}  {:<32} {}\n", "model", "type",
               "total", "active", "layers", "experts", "KV B/token", "checkpoint", "native formats",
               "attention");
  }
  for (const auto& t : models) {
    const double kv = t.kv_elements() * element_bytes(Format::bf16);
    const double checkpoint = t.checkpoint_bytes(t.native);
    if (json) {
      out.push_back({{"name", t.name},
                     {"model_type", t.family},
                     {"parameters", t.parameters()},
                     {"active_parameters", t.active_parameters()},
                     {"nominal_parameters", t.nominal_parameters},
                     {"layers", t.layers()},
                     {"hidden", t.hidden},
                     {"vocabulary", t.vocabulary},
                     {"max_context", t.max_context},
                     {"attention", attention(t)},
                     {"experts", experts(t)},
                     {"mtp_layers", t.mtp_layers},
                     {"kv_bytes_per_token_bf16", kv},
                     {"native", t.native_unknown.empty()
                                    ? nlohmann::ordered_json{{"weights", name(t.native.weights)},
                                                             {"experts", name(t.native.experts)},
                                                             {"head", name(t.native.head)},
                                                             {"bytes", checkpoint}}
                                    : nlohmann::ordered_json(nullptr)},
                     {"native_unknown", t.native_unknown},
                     {"source", t.source}});
      continue;
    }
    fmt::print("{:<24} {:<13} {:>7.2f} B {:>7.2f} B {:>6} {:>9} {:>10.0f} {:>10}  {:<32} {}\n",
               t.name, t.family, t.parameters() / 1e9, t.active_parameters() / 1e9, t.layers(),
               experts(t), kv,
               t.native_unknown.empty() ? fmt::format("{:.1f} GB", checkpoint / 1e9) : "-",
               native(t), attention(t));
  }
  if (json) fmt::print("{}\n", out.dump(2));
}

}  // namespace limen::cli
