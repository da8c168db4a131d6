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

TEST(ModelCard, NothingIsGuessed) {
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
