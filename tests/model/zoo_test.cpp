// The built-in models against what is published about them and against a second calculation.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "model/cards/model_card.hpp"

namespace limen::model {
namespace {

// In 1e9: the total as published; total and active parameters as added up by another program from
// the same configurations; elements that a token leaves in the cache of a layer.
struct Known {
  const char* name;
  double published, total, active;
  double kv;
};
constexpr Known zoo[] = {
    {"llama-3.2-1b", 1.24, 1.236, 1.236, 1024},
    {"llama-3.2-3b", 3.21, 3.213, 3.213, 2048},
    {"llama-3.1-8b", 8.03, 8.030, 7.505, 2048},
    {"llama-3.1-70b", 70.6, 70.554, 69.503, 2048},
    {"llama-3.1-405b", 405.9, 405.853, 403.752, 2048},
    {"qwen3-0.6b", 0.6, 0.596, 0.596, 2048},
    {"qwen3-4b", 4.0, 4.022, 4.022, 2048},
    {"qwen3-8b", 8.2, 8.191, 7.568, 2048},
    {"qwen3-14b", 14.8, 14.768, 13.990, 2048},
    {"qwen3-32b", 32.8, 32.762, 31.984, 2048},
    {"qwen3-30b-a3b", 30.5, 30.532, 3.042, 1024},
    {"qwen3-235b-a22b", 235, 235.094, 21.568, 1024},
    {"qwen3-coder-480b-a35b", 480, 480.155, 34.541, 2048},
    {"qwen2.5-72b", 72.7, 72.706, 71.460, 2048},
    {"mistral-7b-v0.3", 7.25, 7.248, 7.114, 2048},
    {"phi-4", 14.7, 14.660, 14.146, 2560},
    {"mixtral-8x7b", 46.7, 46.703, 12.749, 2048},
    {"mixtral-8x22b", 141, 140.621, 38.955, 2048},
    {"deepseek-v3", 671, 671.026, 36.626, 576},
    {"deepseek-r1", 671, 671.026, 36.626, 576},
    {"kimi-k2", 1040, 1026.408, 31.687, 576},
    {"kimi-k2.5", 1040, 1026.408, 31.687, 576},
    {"gpt-oss-20b", 20.9, 20.915, 3.608, 1024},
    {"gpt-oss-120b", 116.8, 116.829, 5.133, 1024},
    {"glm-4.5", 355, 352.798, 32.856, 2048},
    {"glm-4.5-air", 106, 106.852, 12.803, 2048},
    {"glm-5", 744, 743.911, 40.833, 704},
    {"gemma-3-1b", 1.0, 1.000, 1.000, 512},
    {"gemma-3-4b", 3.88, 3.880, 3.880, 2048},
    {"gemma-3-12b", 11.8, 11.766, 11.766, 4096},
    {"gemma-3-27b", 27.0, 27.009, 27.009, 4096},
    {"llama-4-scout", 109, 107.770, 16.138, 2048},
    {"llama-4-maverick", 400, 400.712, 16.150, 2048},
    {"minimax-m2.5", 229.9, 228.689, 10.416, 2048},
    // By hand: 96 layers of 12 d^2, and a tied table of 50,257 d.
    {"gpt-3-175b", 175, 174.56, 174.56, 24576},
    // By hand, assumed as its card says: 96 layers, d = 12,288, 96 and 8 heads of 128, 16 experts
    // of 31,232 (2 a token), two tables of 100,352 d.
    {"gpt-4-class-hypothetical", 1800, 1802.34, 253.72, 2048},
};

TEST(Zoo, HasEveryModelByName) {
  const auto names = cards::model_names();
  for (const Known& k : zoo) {
    EXPECT_NE(std::find(names.begin(), names.end(), k.name), names.end()) << k.name;
  }
  EXPECT_EQ(names.size(), std::size(zoo));  // and none that is not checked here
}

TEST(Zoo, ParametersAndCacheAreTheKnownOnes) {
  for (const Known& k : zoo) {
    SCOPED_TRACE(k.name);
    const Transformer t = cards::find_model(k.name);
    EXPECT_NEAR(t.parameters() / 1e9 / k.published, 1, 0.015);
    EXPECT_NEAR(t.parameters() / 1e9 / k.total, 1, 0.001);
    EXPECT_NEAR(t.active_parameters() / 1e9 / k.active, 1, 0.002);
    EXPECT_EQ(t.kv_elements(), k.kv * double(t.layers()));
    EXPECT_NEAR(t.nominal_parameters / 1e9 / k.published, 1, 0.003);
    EXPECT_FALSE(t.source.empty());
  }
}

TEST(Zoo, NativeFormatsAreThoseOfTheCheckpoints) {
  const std::map<std::string, std::array<Format, 2>> quantized = {
      {"deepseek-v3", {Format::fp8_block, Format::fp8_block}},
      {"deepseek-r1", {Format::fp8_block, Format::fp8_block}},
      {"kimi-k2", {Format::fp8_block, Format::fp8_block}},
      {"minimax-m2.5", {Format::fp8_block, Format::fp8_block}},
      {"kimi-k2.5", {Format::bf16, Format::int4_g32}},
      {"gpt-oss-20b", {Format::bf16, Format::mxfp4}},
      {"gpt-oss-120b", {Format::bf16, Format::mxfp4}}};
  for (const Known& k : zoo) {
    SCOPED_TRACE(k.name);
    const Transformer t = cards::find_model(k.name);
    const auto found = quantized.find(k.name);
    EXPECT_EQ(t.native_unknown, "");
    EXPECT_EQ(t.native.weights, found == quantized.end() ? Format::bf16 : found->second[0]);
    EXPECT_EQ(t.native.experts, found == quantized.end() ? Format::bf16 : found->second[1]);
    EXPECT_EQ(t.native.head, Format::bf16);
  }
}

}  // namespace
}  // namespace limen::model
