#include "model/cards/model_card.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/error.hpp"

namespace limen::cards {
namespace {

using testing::HasSubstr;

const std::string good = R"({"model_type": "llama", "hidden_size": 8, "intermediate_size": 16,
 "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 10})";

std::string error_of(const std::string& json) {
  try {
    read_model(json, "m", "config.json");
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}
std::string with(const std::string& from, const std::string& to) {
  std::string s = good;
  s.replace(s.find(from), from.size(), to);
  return s;
}

TEST(ModelCard, ReadsAHuggingFaceConfig) {
  const auto t = read_model(good, "m", "config.json");
  EXPECT_EQ(t.attention[0].head_dim, 2);
  EXPECT_EQ(t.attention[0].kv_heads, 2);
  EXPECT_FALSE(t.tied);
}

TEST(ModelCard, WhatIsAbsentHasTheMeaningOfTheFormat) {
  EXPECT_EQ(read_model(with("\"num_key_value_heads\": 2, ", ""), "m", "c").attention[0].kv_heads,
            4);
  EXPECT_EQ(
      read_model(with("\"num_key_value_heads\": 2", "\"num_key_value_heads\": null"), "m", "c")
          .attention[0]
          .kv_heads,
      4);
  EXPECT_EQ(read_model(with("\"vocab_size\"", "\"head_dim\": 128, \"vocab_size\""), "m", "c")
                .attention[0]
                .head_dim,
            128);
  EXPECT_TRUE(read_model(with("\"llama\"", "\"qwen2\""), "m", "c").attention[0].bias);
}

model::Transformer read(const std::string& json) { return read_model(json, "m", "config.json"); }
// The good one with another model_type and more keys.
model::Transformer read_as(const std::string& type, const std::string& keys) {
  return read(with("{\"model_type\": \"llama\", ", "{\"model_type\": \"" + type + "\", " + keys));
}
const std::string latent =
    R"("kv_lora_rank": 6, "q_lora_rank": 3, "qk_nope_head_dim": 2, "qk_rope_head_dim": 1,
 "v_head_dim": 5, "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 4,
 "n_shared_experts": 2, "first_k_dense_replace": 1)";

TEST(ModelCard, TheTextPartOfAModelThatSees) {
  const auto t = read(R"({"model_type": "gemma3", "tie_word_embeddings": false,
    "torch_dtype": "float32", "vision_config": {"hidden_size": 99}, "text_config": )" +
                      with("llama", "gemma3_text") + "}");
  EXPECT_EQ(t.hidden, 8);
  EXPECT_FALSE(t.tied);  // said outside
  EXPECT_EQ(t.native.weights, model::Format::fp32);
  // The inner type counts where both have one, the outer where the inner has none.
  EXPECT_EQ(t.family, "gemma3_text");
  EXPECT_EQ(read(R"({"model_type": "llama", "text_config": )" +
                 with("\"model_type\": \"llama\", ", "") + "}")
                .family,
            "llama");
}

TEST(ModelCard, TablesAreTiedByTheFamilysDefault) {
  EXPECT_TRUE(read(with("llama", "gemma3_text")).tied);
  EXPECT_FALSE(read(with("llama", "qwen3")).tied);
  EXPECT_FALSE(read_as("gemma3_text", "\"tie_word_embeddings\": false, ").tied);
  EXPECT_TRUE(read_as("llama", "\"tie_word_embeddings\": true, ").tied);
}

TEST(ModelCard, HeadDimDoesNotMisleadLatentAttention) {
  // DeepSeek's head_dim is of something else, and num_key_value_heads is not the cache's.
  const auto a = read_as("deepseek_v3", "\"head_dim\": 64, " + latent + ", ").attention[0];
  EXPECT_TRUE(a.latent());
  EXPECT_EQ(a.q_width(), 4 * (2 + 1));
  EXPECT_EQ(a.kv_elements(), 6 + 1);
  EXPECT_EQ(a.out_width(), 4 * 5);
  const auto t = read_as("deepseek_v3", latent + ", ");
  EXPECT_EQ(t.feed_forward[0].layers, 1);
  EXPECT_EQ(t.feed_forward[0].width, 16);
  EXPECT_EQ(t.feed_forward[1].width, 2 * 4);  // shared experts
}

TEST(ModelCard, ExpertsUnderAllTheirNames) {
  for (const char* experts : {"n_routed_experts", "num_experts", "num_local_experts"}) {
    for (const char* top : {"num_experts_per_tok", "num_experts_per_token"}) {
      const std::string keys =
          std::string("\"") + experts + "\": 8, \"" + top + "\": 2, \"hidden_act\": \"silu\", ";
      const auto f = read_as("qwen3_moe", keys + "\"moe_intermediate_size\": 4, ").feed_forward[1];
      EXPECT_EQ(f.experts, 8);
      EXPECT_EQ(f.top_k, 2);
      EXPECT_EQ(f.expert_width, 4);
      EXPECT_EQ(read_as("mixtral", keys).feed_forward[1].expert_width, 16);  // intermediate_size
    }
  }
  EXPECT_THAT(error_of(with("{", "{\"num_experts\": 4, \"num_experts_per_tok\": 5, ")),
              HasSubstr("more experts than there are"));
  EXPECT_THAT(error_of(with("{", "{\"num_experts\": 4, ")),
              HasSubstr("'num_experts_per_tok' is missing"));
}

TEST(ModelCard, LlamaFourNamesItsWidthsTheOtherWayRound) {
  const std::string keys = R"("num_local_experts": 4, "num_experts_per_tok": 1,
    "intermediate_size_mlp": 32, "interleave_moe_layer_step": 2, "attention_chunk_size": 64, )";
  const auto t = read_as("llama4_text", keys);
  EXPECT_EQ(t.feed_forward[0].layers, 1);
  EXPECT_EQ(t.feed_forward[0].width, 32);  // dense
  EXPECT_EQ(t.feed_forward[1].layers, 1);
  EXPECT_EQ(t.feed_forward[1].expert_width, 16);  // intermediate_size
  EXPECT_EQ(t.feed_forward[1].width, 16);         // and one shared
  EXPECT_TRUE(t.attention[1].chunked);
}

TEST(ModelCard, KindsOfLayersByList) {
  const std::string window = "\"sliding_window\": 128, ";
  const std::string experts = R"("num_local_experts": 4, "num_experts_per_tok": 1, )";
  const auto listed = read_as(
      "gpt_oss", window + experts + R"("layer_types": ["sliding_attention", "full_attention"], )");
  EXPECT_EQ(listed.attention[0].layers, 1);
  EXPECT_EQ(listed.attention[1].layers, 1);
  EXPECT_EQ(listed.attention[1].window, 128);
  EXPECT_EQ(read_as("mistral", window).attention[1].layers, 2);  // all, without a list
  EXPECT_EQ(read_as("qwen3", window + "\"use_sliding_window\": false, ").attention[1].layers, 0);
  EXPECT_EQ(read_as("mistral", "\"sliding_window\": null, ").attention[1].layers, 0);
  EXPECT_EQ(read_as("llama4_text", R"("no_rope_layers": [1, 0], "attention_chunk_size": 64,
    "num_local_experts": 4, "num_experts_per_tok": 1, "interleave_moe_layer_step": 1, )")
                .attention[1]
                .layers,
            1);
}

TEST(ModelCard, TheLastLayersOfQwenSeeAWindowWhereItIsSwitchedOn) {
  const std::string window = "\"sliding_window\": 128, ";
  const std::string on = window + "\"use_sliding_window\": true, ";
  for (const auto& [type, keys, local] :
       std::initializer_list<std::tuple<const char*, std::string, int>>{
           {"qwen2", on + "\"max_window_layers\": 1, ", 1},
           {"qwen3", on + "\"max_window_layers\": 0, ", 2},
           {"qwen3", on, 0},  // Hugging Face's 28
           {"qwen2", window + "\"max_window_layers\": 1, ", 0},
           {"mistral", window + "\"max_window_layers\": 1, ", 2}}) {
    const auto t = read_as(type, keys);
    EXPECT_EQ(t.attention[1].layers, local) << keys;
    EXPECT_EQ(t.layers(), 2) << keys;
  }
}

TEST(ModelCard, SparseLayersAreCounted) {
  const std::string experts = R"("num_experts": 8, "num_experts_per_tok": 2,
    "moe_intermediate_size": 4, "head_dim": 2, )";
  auto sparse = [&](const std::string& type, const std::string& keys) {
    std::string config = with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 6");
    config.replace(config.find("llama\", "), 8, type + "\", " + experts + keys);
    const auto t = read(config);
    EXPECT_EQ(t.feed_forward[0].layers + t.feed_forward[1].layers, 6) << keys;
    return t.feed_forward[1].layers;
  };
  for (const auto& [type, keys, layers] :
       std::initializer_list<std::tuple<const char*, const char*, int>>{
           {"qwen3_moe", "", 6},
           {"qwen3_moe", "\"decoder_sparse_step\": 2, ", 3},  // 1, 3, 5
           {"qwen3_moe", "\"mlp_only_layers\": [0, 5], ", 4},
           {"qwen3_moe", "\"mlp_only_layers\": [1, 2], \"decoder_sparse_step\": 2, ", 2},
           {"deepseek_v3", "\"first_k_dense_replace\": 1, \"moe_layer_freq\": 2, ", 2},  // 2, 4
           {"deepseek_v3", "\"first_k_dense_replace\": 1, \"moe_layer_freq\": 1, ", 5}})
    EXPECT_EQ(sparse(type, keys), layers) << keys;
}

TEST(ModelCard, WhatAFamilysFilesLeaveUnsaid) {
  // As Gemma 3 of 4 billion parameters is published, around its text part too.
  const std::string text = R"({"model_type": "gemma3_text", "hidden_size": 2560,
    "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024})";
  for (const std::string& config :
       {text, R"({"model_type": "gemma3", "text_config": )" + text + "}"}) {
    const auto t = read(config);
    EXPECT_EQ(t.vocabulary, 262208);
    EXPECT_EQ(t.attention[1].layers, 29);
    EXPECT_EQ(t.attention[1].query_heads, 8);
    EXPECT_EQ(t.attention[1].kv_heads, 4);
    EXPECT_EQ(t.attention[1].head_dim, 256);
  }
  EXPECT_EQ(read(with("llama", "qwen3")).attention[0].head_dim, 128);
}

TEST(ModelCard, MtpModulesUnderBothNames) {
  EXPECT_EQ(read_as("deepseek_v3", latent + ", \"num_nextn_predict_layers\": 1, ").mtp_layers, 1);
  EXPECT_EQ(read_as("minimax_m2", R"("num_local_experts": 4, "num_experts_per_tok": 1,
    "num_mtp_modules": 3, )")
                .mtp_layers,
            3);
  EXPECT_EQ(read(good).mtp_layers, 0);
}

model::WeightFormats native(const std::string& quantization, const std::string& type = "mixtral") {
  const auto t = read_as(type, R"("num_local_experts": 4, "num_experts_per_tok": 1,
    "dtype": "bfloat16", "quantization_config": )" +
                                   quantization + ", ");
  EXPECT_EQ(t.native_unknown, "") << quantization;
  return t.native;
}
std::string unknown(const std::string& keys) {
  return read(with("{", "{" + keys + ", ")).native_unknown;
}

TEST(ModelCard, NativeFormatsFromQuantizationConfig) {
  using model::Format;
  const std::pair<const char*, Format> known[] = {
      {R"({"quant_method": "fp8"})", Format::fp8},
      {R"({"quant_method": "fp8", "weight_block_size": [128, 128]})", Format::fp8_block},
      {R"({"quant_method": "awq", "bits": 4, "group_size": 128})", Format::awq},
      {R"({"quant_method": "gptq", "bits": 4, "group_size": 128})", Format::awq},
      {R"({"quant_method": "mxfp4"})", Format::mxfp4},
      {R"({"quant_method": "modelopt", "quant_algo": "NVFP4"})", Format::nvfp4},
      {R"({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights":
        {"type": "int", "num_bits": 4, "group_size": 128, "symmetric": true}}}})",
       Format::int4},
      {R"({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights":
        {"type": "float", "num_bits": 4, "group_size": 16}}}})",
       Format::nvfp4},
      {R"({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights":
        {"type": "float", "num_bits": 8, "strategy": "channel"}}}})",
       Format::fp8}};
  for (const auto& [config, format] : known) {
    const auto n = native(config);
    EXPECT_EQ(n.weights, format) << config;
    EXPECT_EQ(n.experts, format) << config;
    EXPECT_EQ(n.head, Format::bf16) << config;
  }
  const auto n = native(R"({"quant_method": "mxfp4", "modules_to_not_convert":
    ["model.layers.*.self_attn", "lm_head"]})");
  EXPECT_EQ(n.weights, Format::bf16);
  EXPECT_EQ(n.experts, Format::mxfp4);
}

TEST(ModelCard, NativeFormatsThatAreNotUnderstoodAreSaidNotGuessed) {
  EXPECT_EQ(read(good).native.weights, model::Format::bf16);
  EXPECT_EQ(read(with("{", "{\"dtype\": \"float16\", ")).native.weights, model::Format::bf16);
  EXPECT_THAT(unknown("\"torch_dtype\": \"float8_e4m3fn\""), HasSubstr("torch_dtype"));
  for (const char* config : {R"({"quant_method": "bitsandbytes"})",
                             R"({"quant_method": "awq", "bits": 4, "group_size": 64})",
                             R"({"quant_method": "fp8", "weight_block_size": [64, 64]})",
                             R"({"quant_method": "compressed-tensors"})", R"("fp8")", R"([])"}) {
    EXPECT_THAT(unknown(std::string("\"quantization_config\": ") + config),
                HasSubstr("none that is understood"))
        << config;
  }
  // Some layers' attention, or all of a model without experts.
  for (const char* left_out :
       {"model.layers.0.self_attn", "re:.*self_attn.q_proj", "re:.*self_attn.*"}) {
    EXPECT_THAT(
        unknown(std::string(R"("quantization_config": {"quant_method": "fp8", "ignore": [")") +
                left_out + "\"]}"),
        HasSubstr("leaves out parts"))
        << left_out;
  }
}

TEST(ModelCard, NothingIsGuessed) {
  auto error_as = [](const std::string& type, const std::string& keys) {
    return error_of(
        with("{\"model_type\": \"llama\", ", "{\"model_type\": \"" + type + "\", " + keys));
  };
  EXPECT_THAT(error_as("mixtral", ""), HasSubstr("'n_routed_experts' is missing"));
  EXPECT_THAT(error_as("mistral", R"("sliding_window": 4, "layer_types": ["full_attention"], )"),
              HasSubstr("'layer_types' must be a list of all 2 layers"));
  EXPECT_THAT(error_as("mistral", R"("layer_types": ["full_attention", "linear_attention"], )"),
              HasSubstr("others than full_attention and sliding_attention"));
  EXPECT_THAT(error_as("mistral", R"("layer_types": ["full_attention", "sliding_attention"], )"),
              HasSubstr("'sliding_window' is missing"));
  EXPECT_THAT(error_as("llama", R"("_nominal_parameters": "x", )"), HasSubstr("a number"));
  EXPECT_THAT(error_as("llama", R"("_source": 3, )"), HasSubstr("'_source' must be text"));
  EXPECT_EQ(error_of(good), "no error");
  EXPECT_THAT(error_of(with("llama", "mamba")), HasSubstr("model_type 'mamba' is not known"));
  EXPECT_THAT(error_of(with("\"hidden_size\": 8, ", "")), HasSubstr("'hidden_size' is missing"));
  EXPECT_THAT(error_of(with("\"hidden_size\": 8", "\"hidden_size\": -8")),
              HasSubstr("whole number"));
  EXPECT_THAT(error_of(with("\"hidden_size\": 8", "\"hidden_size\": 8.5")),
              HasSubstr("whole number"));
  EXPECT_THAT(error_of(with("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3")),
              HasSubstr("no multiple"));
  EXPECT_THAT(error_of(with("{", "[")), HasSubstr("config.json:"));
  EXPECT_THAT(error_of(good.substr(0, 40)), HasSubstr("not JSON"));
  EXPECT_THAT(error_of("{}"), HasSubstr("'model_type' is missing"));
}

}  // namespace
}  // namespace limen::cards
