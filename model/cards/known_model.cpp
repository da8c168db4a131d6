#include "model/cards/known_model.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/cards/device.hpp"
#include "model/cards/model_card.hpp"

namespace limen::cards {

using namespace model;

namespace {

// Shapes of models that have no card: public configurations, recalled; each total of parameters
// was held against the published one.
struct Shape {
  std::string_view name;
  int layers, hidden, heads, kv_heads, head_dim, width;
  bool gated;
  int vocabulary;
  bool tied;
};
constexpr Shape shapes[] = {
    {"llama-2-7b", 32, 4096, 32, 32, 128, 11008, true, 32000, false},
    {"llama-2-13b", 40, 5120, 40, 40, 128, 13824, true, 32000, false},
    {"llama-33b", 60, 6656, 52, 52, 128, 17920, true, 32000, false},
    {"llama-65b", 80, 8192, 64, 64, 128, 22016, true, 32000, false},
    {"llama-2-70b", 80, 8192, 64, 8, 128, 28672, true, 32000, false},
    {"codellama-34b", 48, 8192, 64, 8, 128, 22016, true, 32000, false},
    {"tinyllama-1.1b", 22, 2048, 32, 4, 64, 5632, true, 32000, false},
    {"openllama-3b", 26, 3200, 32, 32, 100, 8640, true, 32000, false},
    {"internlm-20b", 60, 5120, 40, 40, 128, 13824, true, 103168, false},
    {"yi-34b", 60, 7168, 56, 8, 128, 20480, true, 64000, false},
    {"deepseek-33b", 62, 7168, 56, 8, 128, 19200, true, 32256, false},
    {"qwen2-0.5b", 24, 896, 14, 2, 64, 4864, true, 151936, true},
    {"qwen2-1.5b", 28, 1536, 12, 2, 128, 8960, true, 151936, true},
    {"qwen2.5-3b", 36, 2048, 16, 2, 128, 11008, true, 151936, true},
    {"qwen2-7b", 28, 3584, 28, 4, 128, 18944, true, 152064, false},
    {"qwen2.5-14b", 48, 5120, 40, 8, 128, 13824, true, 152064, false},
    {"qwen2.5-32b", 64, 5120, 40, 8, 128, 27648, true, 152064, false},
    {"gemma-2-9b", 42, 3584, 16, 8, 256, 14336, true, 256000, true},
    {"gemma-2-27b", 46, 4608, 32, 16, 128, 36864, true, 256000, true},
    {"phi-3-mini-4k", 32, 3072, 32, 32, 96, 8192, true, 32064, false},
    {"mistral-nemo-12b", 40, 5120, 32, 8, 128, 14336, true, 131072, false},
    {"mistral-small-24b", 40, 5120, 32, 8, 128, 32768, true, 131072, false},
    {"gpt-j-6b", 28, 4096, 16, 16, 256, 16384, false, 50400, false},
    {"mpt-7b", 32, 4096, 32, 32, 128, 16384, false, 50432, true},
    {"falcon-7b", 32, 4544, 71, 1, 64, 18176, false, 65024, true},
    {"falcon-40b", 60, 8192, 128, 8, 64, 32768, false, 65024, true},
    {"falcon-180b", 80, 14848, 232, 8, 64, 59392, false, 65024, true},
    {"gpt-20b", 44, 6144, 48, 48, 128, 24576, false, 51200, true},
    {"gpt-89b", 48, 12288, 96, 96, 128, 49152, false, 51200, true},
    {"megatron-530b", 105, 20480, 128, 128, 160, 81920, false, 51200, true},
};

// Other names, in words, of the same shape.
using Alias = std::pair<std::string_view, std::string_view>;
constexpr Alias aliases[] = {
    {"code llama 34b", "codellama-34b"},
    {"open llama 3b", "openllama-3b"},
    {"deepseek coder 33b", "deepseek-33b"},
    {"llama 3 8b", "llama-3.1-8b"},
    {"llama 3 70b", "llama-3.1-70b"},
    {"llama 3.3 70b", "llama-3.1-70b"},
    {"qwen 2.5 7b", "qwen2-7b"},
    {"qwen 2.5 coder 7b", "qwen2-7b"},
    {"qwen 2 72b", "qwen2.5-72b"},
    {"qwen 2.5 0.5b", "qwen2-0.5b"},
    {"qwen 2.5 1.5b", "qwen2-1.5b"},
    {"qwen 2.5 coder 32b", "qwen2.5-32b"},
    {"qwq 32b", "qwen2.5-32b"},
    {"qwen 2.5 coder 14b", "qwen2.5-14b"},
    {"gpt 3", "gpt-3-175b"},
    {"megatron turing 530b", "megatron-530b"},
    {"gptj 6b", "gpt-j-6b"},
    {"mistral nemo", "mistral-nemo-12b"},
    {"qwen 3 moe 30b a 3b", "qwen3-30b-a3b"},
};

// What tables of measurements mean by less than a name.
constexpr Alias table_words[] = {
    {"llama 7b", "llama-2-7b"},       {"vicuna 7b", "llama-2-7b"},
    {"llama 13b", "llama-2-13b"},     {"vicuna 13b", "llama-2-13b"},
    {"llama 30b", "llama-33b"},       {"llama 70b", "llama-2-70b"},
    {"llama 34b", "codellama-34b"},   {"llama 1b", "tinyllama-1.1b"},
    {"llama 1.1b", "tinyllama-1.1b"}, {"llama 8b", "llama-3.1-8b"},
    {"llama 405b", "llama-3.1-405b"}, {"llama 3 405b", "llama-3.1-405b"},
    {"gpt 175b", "gpt-3-175b"},       {"mistral small", "mistral-small-24b"},
    {"phi 3 mini", "phi-3-mini-4k"},  {"qwen 3 moe 30b", "qwen3-30b-a3b"},
    {"mixtral", "mixtral-8x7b"},
};

bool is_number(const std::string& w) {
  return std::all_of(w.begin(), w.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}
bool among(const std::string& w, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), w) != words.end();
}

// "meta-llama/Llama-3.1-8B" -> llama, 3.1, 8b: words are split where letters turn into digits.
std::vector<std::string> words_of_model(std::string_view name) {
  if (const auto slash = name.rfind('/'); slash != std::string_view::npos)
    name.remove_prefix(slash + 1);
  std::vector<std::string> words(1);
  char before = ' ';
  for (char c : name) {
    const auto u = static_cast<unsigned char>(c);
    const bool point = c == '.' && std::isdigit(static_cast<unsigned char>(before));
    const bool times = before == 'x' && std::isdigit(static_cast<unsigned char>(words.back()[0]));
    if (!std::isalnum(u) && !point) {
      words.emplace_back();
    } else {
      if (std::isdigit(u) && std::isalpha(static_cast<unsigned char>(before)) && !times)
        words.emplace_back();
      words.back() += static_cast<char>(std::tolower(u));
    }
    before = c;
  }
  std::erase(words, "");
  return words;
}

std::string in_words(std::string_view name) {
  return fmt::format("{}", fmt::join(words_of_model(name), " "));
}

// The words without what names a tuning, a version (v0.3), a date (2507) or a number format
// (Q4_K_M): "Llama-3.1-8B-Instruct" -> "llama 3.1 8b".
std::string tidied(std::string_view name) {
  const std::vector<std::string> words = words_of_model(name);
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& w = words[i];
    const bool number_next = i + 1 < words.size() && is_number(words[i + 1]);
    if (among(w, {"q", "iq", "fp", "bf", "f", "int", "mxfp", "nvfp", "v"}) && number_next) {
      while (i + 1 < words.size() && is_number(words[i + 1])) ++i;
      continue;
    }
    if (among(w, {"instruct", "chat", "hf", "it", "base", "meta", "nvidia", "awq", "gptq", "gguf",
                  "quantized", "dynamic", "preview", "medium", "turbo", "model"}))
      continue;
    if (among(w, {"k", "m", "s", "l"}) && !number_next && i > 0) continue;
    if (w.size() == 4 && is_number(w) && w.find('.') == std::string::npos) continue;
    out += (out.empty() ? "" : " ") + w;
  }
  return out;
}

Transformer of(const Shape& s) {
  Transformer t;
  t.name = std::string(s.name);
  t.hidden = s.hidden;
  t.vocabulary = s.vocabulary;
  t.tied = s.tied;
  AttentionLayers a;
  a.layers = s.layers;
  a.query_heads = s.heads;
  a.kv_heads = s.kv_heads;
  a.head_dim = s.head_dim;
  t.attention[0] = a;
  FeedForwardLayers f;
  f.layers = s.layers;
  f.gated = s.gated;
  f.width = s.width;
  t.feed_forward[0] = f;
  return t;
}

using Shapes = std::map<std::string, Transformer>;

const Shapes& by_card() {
  static const Shapes all = [] {
    Shapes found;
    for (const Shape& s : shapes) found[std::string(s.name)] = of(s);
    for (const std::string& card : model_names()) found[card] = find_model(card);
    return found;
  }();
  return all;
}

Shapes known_by(std::string (*key)(std::string_view),
                std::initializer_list<std::span<const Alias>> more) {
  Shapes found;
  for (const auto& [card, t] : by_card()) found.try_emplace(key(card), t);
  for (const auto& list : more)
    for (const auto& [alias, card] : list)
      found.try_emplace(std::string(alias), by_card().at(std::string(card)));
  return found;
}

std::optional<Transformer> found_in(const Shapes& known, const std::string& key) {
  const auto found = known.find(key);
  if (found == known.end()) return {};
  return found->second;
}

}  // namespace

std::optional<Transformer> known_model(std::string_view name) {
  static const Shapes known = known_by(tidied, {aliases, table_words});
  return found_in(known, tidied(name));
}

std::optional<Transformer> named_model(std::string_view name) {
  static const Shapes known = known_by(in_words, {aliases});
  return found_in(known, in_words(name));
}

std::optional<WeightFormat> known_format(std::string_view name, double bits) {
  std::string text;
  for (char c : name) text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  struct Kind {
    std::string_view word;
    Format format;
    double bits;
    std::string_view kernel;
  };
  // The first that is found holds: "w4a16" before "16", "fp8_block" before "fp8".
  static constexpr Kind kinds[] = {{"q2_k", Format::int4, 2.63, "int4"},
                                   {"q3_k", Format::int4, 3.44, "int4"},
                                   {"q4_k", Format::int4, 4.83, "int4"},
                                   {"q4_1", Format::int4, 5, "int4"},
                                   {"q4", Format::int4, 4.5, "int4"},
                                   {"q5", Format::int4, 5.6, "int4"},
                                   {"q6", Format::int8, 6.56, "int8"},
                                   {"q8", Format::int8, 8.5, "int8"},
                                   {"iq4", Format::int4, 4.5, "int4"},
                                   {"mxfp4", Format::int4, 4.25, "int4"},
                                   {"nvfp4", Format::int4, 4.5, "int4"},
                                   {"fp4", Format::int4, 4.5, "int4"},
                                   {"w4a16", Format::int4, 4.25, "int4"},
                                   {"awq", Format::int4, 4.25, "int4"},
                                   {"gptq", Format::int4, 4.25, "int4"},
                                   {"int4", Format::int4, 4.25, "int4"},
                                   {"hqq", Format::int4, 4.25, "int4"},
                                   {"nf4", Format::int4, 4.5, "int4"},
                                   {"fp8_block", Format::fp8, 8, "fp8-block"},
                                   {"fp8", Format::fp8, 8, "fp8"},
                                   {"f8", Format::fp8, 8, "fp8"},
                                   {"w8a8", Format::int8, 8, "w8a8"},
                                   {"smooth", Format::int8, 8, "w8a8"},
                                   {"sq", Format::int8, 8, "w8a8"},
                                   {"int8", Format::int8, 8, "int8"},
                                   {"w8a16", Format::int8, 8, "int8"},
                                   {"bf16", Format::bf16, 16, "bf16"},
                                   {"bfloat16", Format::bf16, 16, "bf16"},
                                   {"fp16", Format::bf16, 16, "bf16"},
                                   {"f16", Format::bf16, 16, "bf16"},
                                   {"float16", Format::bf16, 16, "bf16"},
                                   {"half", Format::bf16, 16, "bf16"},
                                   {"fp32", Format::fp32, 32, "bf16"},
                                   {"f32", Format::fp32, 32, "bf16"}};
  for (const Kind& k : kinds)
    if (text.find(k.word) != std::string::npos)
      return WeightFormat{k.format, (bits > 0 ? bits : k.bits) / 8, std::string(k.kernel)};
  if (bits > 0) {  // no word that is known, but a width
    const Format f = bits > 20  ? Format::fp32
                     : bits > 9 ? Format::bf16
                     : bits > 6 ? Format::int8
                                : Format::int4;
    return WeightFormat{f, bits / 8,
                        f == Format::int4   ? "int4"
                        : f == Format::int8 ? "int8"
                                            : "bf16"};
  }
  return {};
}

}  // namespace limen::cards
