#include "model/cards/model_card.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/cards/embedded.hpp"
#include "model/cards/suggest.hpp"
#include "model/error.hpp"

namespace limen::cards {
namespace {

using nlohmann::json;

// Dense architectures whose layers are attention + gated network, and what they leave unsaid.
struct Family {
  std::string_view model_type;
  bool qkv_bias;
};
constexpr Family families[] = {
    {"llama", false}, {"mistral", false}, {"qwen2", true}, {"qwen3", false}};

std::int64_t positive(const json& config, const char* key, const std::string& origin) {
  const auto it = config.find(key);
  if (it == config.end() || it->is_null())
    throw Error(fmt::format("{}: '{}' is missing", origin, key));
  const bool whole = it->is_number_integer() || it->is_number_unsigned();
  if (!whole || it->get<std::int64_t>() < 1 || it->get<std::int64_t>() > (1LL << 32)) {
    throw Error(
        fmt::format("{}: '{}' is {}, not a whole number from 1 to 2^32", origin, key, it->dump()));
  }
  return it->get<std::int64_t>();
}

bool given(const json& config, const char* key) {
  return config.contains(key) && !config.at(key).is_null();
}

}  // namespace

model::Transformer read_model(std::string_view text, const std::string& name,
                              const std::string& origin) {
  json config;
  try {
    config = json::parse(text);
  } catch (const json::parse_error& e) {
    const std::string_view before = text.substr(0, std::min(text.size(), e.byte));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    throw Error(fmt::format("{}:{}: not JSON (at byte {})", origin, line, e.byte));
  }
  if (!config.is_object() || !config.contains("model_type") || !config["model_type"].is_string()) {
    throw Error(origin + ": 'model_type' is missing; is this a Hugging Face config.json?");
  }
  const std::string type = config["model_type"];
  const Family* family = nullptr;
  std::string known;
  for (const Family& f : families) {
    if (f.model_type == type) family = &f;
    known += (known.empty() ? "" : ", ") + std::string(f.model_type);
  }
  if (!family) {
    throw Error(fmt::format("{}: model_type '{}' is not supported yet (dense models only: {})",
                            origin, type, known));
  }
  if (given(config, "sliding_window") && config.value("use_sliding_window", type == "mistral")) {
    throw Error(origin + ": sliding-window attention is not supported yet");
  }
  model::Transformer t;
  t.name = name;
  t.layers = positive(config, "num_hidden_layers", origin);
  t.hidden = positive(config, "hidden_size", origin);
  t.query_heads = positive(config, "num_attention_heads", origin);
  t.kv_heads = given(config, "num_key_value_heads")
                   ? positive(config, "num_key_value_heads", origin)
                   : t.query_heads;
  if (t.query_heads % t.kv_heads != 0) {
    throw Error(
        fmt::format("{}: num_attention_heads ({}) is no multiple of num_key_value_heads ({})",
                    origin, t.query_heads, t.kv_heads));
  }
  if (!given(config, "head_dim") && t.hidden % t.query_heads != 0) {
    throw Error(origin +
                ": 'head_dim' is missing, and hidden_size is no multiple of num_attention_heads");
  }
  t.head_dim =
      given(config, "head_dim") ? positive(config, "head_dim", origin) : t.hidden / t.query_heads;
  t.ffn = positive(config, "intermediate_size", origin);
  t.vocabulary = positive(config, "vocab_size", origin);
  t.max_context = given(config, "max_position_embeddings")
                      ? positive(config, "max_position_embeddings", origin)
                      : 0;
  t.tied = config.value("tie_word_embeddings", false);
  t.qkv_bias = config.value("attention_bias", family->qkv_bias);
  return t;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& card : embedded_models()) names.emplace_back(card.name);
  return names;
}

model::Transformer find_model(const std::string& name) {
  for (const auto& card : embedded_models()) {
    if (card.name == name) return read_model(card.text, name, name + " (built in)");
  }
  const bool is_path =
      name.find('/') != std::string::npos || (name.size() > 5 && name.ends_with(".json"));
  if (!is_path) {
    throw Error(fmt::format("--model: unknown model '{}'{} (a Hugging Face config.json works too)",
                            name, suggestion(name, model_names())));
  }
  std::ifstream file(name);
  if (!file || std::filesystem::is_directory(name))
    throw Error(fmt::format("--model: cannot read '{}'", name));
  std::ostringstream text;
  text << file.rdbuf();
  return read_model(text.str(), name, name);
}

}  // namespace limen::cards
