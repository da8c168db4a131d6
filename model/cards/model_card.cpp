#include "model/cards/model_card.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/cards/embedded.hpp"
#include "model/cards/known_model.hpp"
#include "model/cards/native_formats.hpp"
#include "model/cards/suggest.hpp"
#include "model/error.hpp"

namespace limen::cards {
namespace {

using nlohmann::json;

// What the architectures that are known leave unsaid. An unknown model_type is an error, never a
// silent dense guess.
struct Family {
  std::string_view model_type;
  bool tied = false;    // where tie_word_embeddings is absent
  bool bias = false;    // where attention_bias is absent
  bool sparse = false;  // has experts
  // Where vocab_size, num_attention_heads, num_key_value_heads or head_dim are absent; 0: they must
  // be there, or follow from the others.
  int vocabulary = 0, heads = 0, kv_heads = 0, head_dim = 0;
};
constexpr Family families[] = {{.model_type = "llama"},
                               {.model_type = "mistral"},
                               {.model_type = "qwen2", .bias = true},
                               {.model_type = "qwen3", .head_dim = 128},
                               {.model_type = "phi3"},
                               {.model_type = "gemma3_text",
                                .tied = true,
                                .vocabulary = 262208,
                                .heads = 8,
                                .kv_heads = 4,
                                .head_dim = 256},
                               {.model_type = "gpt2", .tied = true, .bias = true},
                               {.model_type = "mixtral", .sparse = true},
                               {.model_type = "qwen3_moe", .sparse = true},
                               {.model_type = "deepseek_v3", .sparse = true},
                               {.model_type = "kimi_k2", .sparse = true},
                               {.model_type = "gpt_oss", .bias = true, .sparse = true},
                               {.model_type = "glm4_moe", .sparse = true},
                               {.model_type = "glm_moe_dsa", .sparse = true},
                               {.model_type = "llama4_text", .sparse = true},
                               {.model_type = "minimax_m2", .sparse = true}};

// A config.json, with errors that name the file and the key.
class Config {
 public:
  Config(const json& root, const std::string& origin) : root_(root), origin_(origin) {}

  bool has(const char* key) const { return root_.contains(key) && !root_.at(key).is_null(); }
  const json& at(const char* key) const { return root_.at(key); }

  // The first of the keys that is there, as a whole number of at least `least`; if none is,
  // `otherwise`, or an error where that is 0.
  std::int64_t whole(std::initializer_list<const char*> keys, std::int64_t least = 1,
                     std::int64_t otherwise = 0) const {
    for (const char* key : keys) {
      if (!has(key)) continue;
      const json& v = root_.at(key);
      const bool is_whole = v.is_number_integer() &&
                            (!v.is_number_unsigned() || v.get<std::uint64_t>() <= 1ULL << 32);
      if (!is_whole || v.get<std::int64_t>() < least || v.get<std::int64_t>() > 1LL << 32) {
        throw Error(fmt::format("{}: '{}' is {}, not a whole number from {} to 2^32", origin_, key,
                                v.dump(), least));
      }
      return v.get<std::int64_t>();
    }
    if (otherwise > 0) return otherwise;
    throw Error(fmt::format("{}: '{}' is missing", origin_, *keys.begin()));
  }
  std::int64_t whole_or(std::initializer_list<const char*> keys, std::int64_t otherwise) const {
    for (const char* key : keys) {
      if (has(key)) return whole({key}, 0);
    }
    return otherwise;
  }
  bool flag_or(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!root_.at(key).is_boolean())
      throw Error(fmt::format("{}: '{}' must be true or false", origin_, key));
    return root_.at(key).get<bool>();
  }
  // How many entries of a list of all layers are `value`.
  std::int64_t entries(const char* key, const json& value, std::int64_t layers) const {
    const json& list = root_.at(key);
    if (!list.is_array() || std::int64_t(list.size()) != layers)
      refuse(fmt::format("'{}' must be a list of all {} layers", key, layers));
    return std::count(list.begin(), list.end(), value);
  }
  [[noreturn]] void refuse(const std::string& why) const { throw Error(origin_ + ": " + why); }

 private:
  const json& root_;
  const std::string& origin_;
};

model::AttentionLayers read_attention(const Config& c, const Family& family, std::int64_t layers,
                                      std::int64_t hidden) {
  model::AttentionLayers a;
  a.layers = layers;
  a.query_heads = c.whole({"num_attention_heads", "n_head"}, 1, family.heads);
  a.bias = c.flag_or("attention_bias", family.bias);
  if (c.has("kv_lora_rank")) {
    a.kv_rank = c.whole({"kv_lora_rank"});
    a.q_rank = c.whole_or({"q_lora_rank"}, 0);
    a.nope = c.whole({"qk_nope_head_dim"});
    a.rope = c.whole({"qk_rope_head_dim"});
    a.value_dim = c.whole({"v_head_dim"});
    a.kv_heads = 1;  // the latent is shared by all heads, whatever num_key_value_heads says
    a.head_dim = a.nope + a.rope;
    if (c.has("index_topk")) {
      a.index_top = c.whole({"index_topk"});
      a.index_heads = c.whole({"index_n_heads"});
      a.index_dim = c.whole({"index_head_dim"});
    }
    return a;
  }
  a.kv_heads =
      c.whole({"num_key_value_heads"}, 1, family.kv_heads > 0 ? family.kv_heads : a.query_heads);
  if (a.query_heads % a.kv_heads != 0) {
    c.refuse(fmt::format("num_attention_heads ({}) is no multiple of num_key_value_heads ({})",
                         a.query_heads, a.kv_heads));
  }
  if (family.head_dim == 0 && !c.has("head_dim") && hidden % a.query_heads != 0) {
    c.refuse("'head_dim' is missing, and hidden_size is no multiple of num_attention_heads");
  }
  a.head_dim =
      c.whole({"head_dim"}, 1, family.head_dim > 0 ? family.head_dim : hidden / a.query_heads);
  return a;
}

// Layers that see a window or a chunk only; the others see everything.
void split_local_layers(const Config& c, const Family& family, model::Transformer& t) {
  const std::int64_t layers = t.attention[0].layers;
  std::int64_t local = 0, window = 0;
  bool chunked = false;
  if (family.model_type == "llama4_text") {
    window = c.whole({"attention_chunk_size"});
    chunked = true;
    const std::int64_t every = c.whole_or({"no_rope_layer_interval"}, 4);
    local = c.has("no_rope_layers") && !c.at("no_rope_layers").empty()
                ? c.entries("no_rope_layers", 1, layers)
                : layers - layers / std::max<std::int64_t>(every, 1);
  } else {
    const bool qwen = family.model_type.starts_with("qwen");
    const bool windowed = c.has("sliding_window") && c.flag_or("use_sliding_window", !qwen);
    if (windowed) window = c.whole({"sliding_window"});
    if (c.has("layer_types")) {
      local = c.entries("layer_types", "sliding_attention", layers);
      if (local + c.entries("layer_types", "full_attention", layers) != layers)
        c.refuse("'layer_types' has others than full_attention and sliding_attention");
      if (local > 0 && !windowed && !qwen) c.refuse("'sliding_window' is missing");
      if (!windowed) local = 0;
    } else if (!windowed) {
      return;
    } else if (c.has("sliding_window_pattern")) {  // every n-th layer sees everything
      local = layers - layers / c.whole({"sliding_window_pattern"});
    } else if (family.model_type == "gemma3_text") {
      local = layers - layers / 6;
    } else if (family.model_type == "gpt_oss") {
      local = (layers + 1) / 2;
    } else if (qwen) {  // the first layers see everything
      const int first = family.sparse ? 0 : 28;
      local = layers - std::min(c.whole_or({"max_window_layers"}, first), layers);
    } else {
      local = layers;
    }
  }
  if (local == 0) return;
  t.attention[1] = t.attention[0];
  t.attention[1].layers = local;
  t.attention[1].window = window;
  t.attention[1].chunked = chunked;
  t.attention[0].layers = layers - local;
}

void read_feed_forward(const Config& c, const Family& family, std::int64_t layers,
                       model::Transformer& t) {
  auto& dense = t.feed_forward[0];
  auto& sparse = t.feed_forward[1];
  const auto expert_keys = {"n_routed_experts", "num_experts", "num_local_experts"};
  const bool has_experts =
      std::any_of(expert_keys.begin(), expert_keys.end(), [&](const char* k) { return c.has(k); });
  if (!has_experts && !family.sparse) {
    dense.layers = layers;
    dense.gated = family.model_type != "gpt2";
    dense.width = family.model_type == "gpt2" ? c.whole_or({"n_inner"}, 4 * t.hidden)
                                              : c.whole({"intermediate_size"});
    return;
  }
  sparse.experts = c.whole(expert_keys);
  sparse.top_k = c.whole({"num_experts_per_tok", "num_experts_per_token"});
  sparse.expert_width = c.whole({"moe_intermediate_size", "intermediate_size"});
  if (sparse.top_k > sparse.experts) c.refuse("a token takes more experts than there are");
  const bool llama4 = family.model_type == "llama4_text";
  sparse.width = c.whole_or({"n_shared_experts"}, llama4 ? 1 : 0) * sparse.expert_width;
  if (llama4) {
    dense.layers = layers - layers / c.whole({"interleave_moe_layer_step"});
  } else {
    const std::int64_t first = c.whole_or({"first_k_dense_replace"}, 0);
    const std::int64_t step = c.whole({"decoder_sparse_step"}, 1, 1);
    const std::int64_t every = c.whole({"moe_layer_freq"}, 1, 1);
    const json listed = c.has("mlp_only_layers") ? c.at("mlp_only_layers") : json::array();
    if (!listed.is_array()) c.refuse("'mlp_only_layers' must be a list");
    for (std::int64_t i = 0; i < layers; ++i) {
      const bool is_sparse = i >= first && i % every == 0 && (i + 1) % step == 0 &&
                             std::find(listed.begin(), listed.end(), i) == listed.end();
      dense.layers += !is_sparse;
    }
  }
  if (dense.layers > 0)
    dense.width = c.whole({llama4 ? "intermediate_size_mlp" : "intermediate_size"});
  sparse.layers = layers - dense.layers;
}

}  // namespace

model::Transformer read_model(std::string_view text, const std::string& name,
                              const std::string& origin) {
  json root;
  try {
    root = json::parse(text);
  } catch (const json::parse_error& e) {
    const std::string_view before = text.substr(0, std::min(text.size(), e.byte));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    throw Error(fmt::format("{}:{}: not JSON (at byte {})", origin, line, e.byte));
  }
  // A model that also sees or hears keeps the transformer's shape apart.
  if (root.is_object() && root.contains("text_config") && root["text_config"].is_object()) {
    json inner = root["text_config"];
    for (const char* key :
         {"model_type", "tie_word_embeddings", "torch_dtype", "dtype", "quantization_config"}) {
      if (!inner.contains(key) && root.contains(key)) inner[key] = root[key];
    }
    root = inner;
  }
  if (!root.is_object() || !root.contains("model_type") || !root["model_type"].is_string()) {
    throw Error(origin + ": 'model_type' is missing; is this a Hugging Face config.json?");
  }
  const std::string type = root["model_type"];
  const Family* family = nullptr;
  std::vector<std::string> known;
  for (const Family& f : families) {
    if (f.model_type == type) family = &f;
    known.emplace_back(f.model_type);
  }
  if (!family) {
    throw Error(
        fmt::format("{}: model_type '{}' is not known, and its layers are not guessed; known: {}",
                    origin, type, fmt::join(known, ", ")));
  }
  const Config c(root, origin);
  model::Transformer t;
  t.name = name;
  t.hidden = c.whole({"hidden_size", "n_embd"});
  t.vocabulary = c.whole({"vocab_size"}, 1, family->vocabulary);
  t.max_context = c.whole_or({"max_position_embeddings", "n_positions"}, 0);
  t.tied = c.flag_or("tie_word_embeddings", family->tied);
  const std::int64_t layers = c.whole({"num_hidden_layers", "n_layer"});
  t.attention[0] = read_attention(c, *family, layers, t.hidden);
  split_local_layers(c, *family, t);
  read_feed_forward(c, *family, layers, t);
  t.mtp_layers = c.whole_or({"num_nextn_predict_layers", "num_mtp_modules"}, 0);
  const NativeFormats native = native_formats(root, t.expert_parameters() > 0);
  t.native = native.formats;
  t.native_unknown = native.unknown;
  t.family = type;
  // Our own cards say more than Hugging Face's files do.
  if (c.has("_nominal_parameters")) {
    if (!c.at("_nominal_parameters").is_number() || !(c.at("_nominal_parameters") > 0))
      c.refuse("'_nominal_parameters' must be a number above zero");
    t.nominal_parameters = c.at("_nominal_parameters").get<double>();
  }
  if (c.has("_source") && !c.at("_source").is_string()) c.refuse("'_source' must be text");
  t.source = c.has("_source") ? c.at("_source").get<std::string>() : origin;
  return t;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& card : embedded_models()) names.emplace_back(card.name);
  return names;
}

model::Transformer find_model(const std::string& name, const std::string& option) {
  for (const auto& card : embedded_models()) {
    if (card.name == name) return read_model(card.text, name, name + " (built in)");
  }
  const bool is_path =
      name.find('/') != std::string::npos || (name.size() > 5 && name.ends_with(".json"));
  if (const auto known = is_path ? std::nullopt : named_model(name)) return *known;
  if (!is_path) {
    throw Error(fmt::format("{}: unknown model '{}'{} (a Hugging Face config.json works too)",
                            option, name, suggestion(name, model_names())));
  }
  std::ifstream file(name);
  if (!file || std::filesystem::is_directory(name))
    throw Error(fmt::format("{}: cannot read '{}'", option, name));
  std::ostringstream text;
  text << file.rdbuf();
  return read_model(text.str(), name, name);
}

}  // namespace limen::cards
