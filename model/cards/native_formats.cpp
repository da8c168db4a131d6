#include "model/cards/native_formats.hpp"

#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace limen::cards {
namespace {

using model::Format;
using nlohmann::json;

// A member, or null: the shapes of these objects are not ours to insist on.
const json& member(const json& j, const char* key) {
  static const json none;
  const auto found = j.is_object() ? j.find(key) : j.end();
  return j.is_object() && found != j.end() ? *found : none;
}
std::string text(const json& j, const char* key) {
  const json& v = member(j, key);
  return v.is_string() ? v.get<std::string>() : "";
}

std::optional<Format> plain(const json& config) {
  const std::string type =
      config.contains("torch_dtype") ? text(config, "torch_dtype") : text(config, "dtype");
  if (type == "bfloat16" || type == "float16" || type.empty()) return Format::bf16;
  if (type == "float32") return Format::fp32;
  return {};
}

std::optional<Format> integers_of_4_bits(const json& group, bool zero_points) {
  if (zero_points) return group == 128 ? std::optional(Format::awq) : std::nullopt;
  if (group == 128) return Format::int4;
  if (group == 32) return Format::int4_g32;
  return {};
}

// compressed-tensors: the weights of the only group of layers.
std::optional<Format> compressed(const json& q) {
  const json& groups = member(q, "config_groups");
  if (!groups.is_object() || groups.size() != 1) return {};
  const json& w = member(*groups.begin(), "weights");
  const json &bits = member(w, "num_bits"), &group = member(w, "group_size");
  const std::string type = text(w, "type"), strategy = text(w, "strategy");
  if (type == "int" && bits == 4) return integers_of_4_bits(group, member(w, "symmetric") == false);
  if (type == "float" && bits == 4 && group == 16) return Format::nvfp4;
  if (type == "float" && bits == 4 && group == 32) return Format::mxfp4;
  if (type == "float" && bits == 8) {
    if (strategy == "tensor" || strategy == "channel") return Format::fp8;
    if (member(w, "block_structure") == json{128, 128}) return Format::fp8_block;
  }
  return {};
}

std::optional<Format> quantized(const json& q) {
  const std::string method = text(q, "quant_method");
  const json& block = member(q, "weight_block_size");
  const json &bits = member(q, "bits"), &group = member(q, "group_size");
  if (method == "fp8" && block.is_null()) return Format::fp8;
  if (method == "fp8" && block == json{128, 128}) return Format::fp8_block;
  if (method == "mxfp4") return Format::mxfp4;
  // GPTQ stores zero points even where they are all the same.
  if ((method == "awq" || method == "gptq") && bits == 4) return integers_of_4_bits(group, true);
  if (method == "modelopt" && text(q, "quant_algo") == "NVFP4") return Format::nvfp4;
  if (method == "modelopt" && text(q, "quant_algo") == "FP8") return Format::fp8;
  if (method == "compressed-tensors") return compressed(q);
  return {};
}

// What of the attention is left as it was: nothing, all of it, or parts (then it is not
// understood).
enum class Attention { quantized, plain, parts };

Attention attention_of(const json& q) {
  Attention out = Attention::quantized;
  for (const char* key :
       {"modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules"}) {
    const json& list = member(q, key);
    if (!list.is_array()) continue;
    for (const json& entry : list) {
      const std::string module = entry.is_string() ? entry.get<std::string>() : "";
      const auto at = module.find("self_attn");
      if (at == std::string::npos) continue;
      const bool every_layer = module.find('*') < at;
      const bool whole = module.find_first_not_of(".*$", at + 9) == std::string::npos;
      if (!every_layer || !whole) return Attention::parts;
      out = Attention::plain;
    }
  }
  return out;
}

}  // namespace

NativeFormats native_formats(const json& config, bool has_experts) {
  NativeFormats out;
  auto unknown = [&](std::string why) {
    out.unknown = std::move(why);
    return out;
  };
  const auto type = plain(config);
  if (!type) return unknown("its torch_dtype is none of bfloat16, float16, float32");
  out.formats = {*type, *type, *type};
  const json& q = member(config, "quantization_config");
  if (q.is_null()) return out;
  const auto format = quantized(q);
  if (!format) {
    return unknown(
        fmt::format("the quantization_config of its card (quant_method '{}') is none "
                    "that is understood",
                    text(q, "quant_method")));
  }
  const Attention attention = attention_of(q);
  if (attention == Attention::parts || (attention == Attention::plain && !has_experts))
    return unknown("the quantization_config of its card leaves out parts of its layers");
  out.formats.experts = *format;
  if (attention == Attention::quantized) out.formats.weights = *format;
  return out;
}

}  // namespace limen::cards
