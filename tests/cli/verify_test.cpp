// limen verify: real steps of a small model, on a machine file that says something else; output of
// another engine; and what it refuses.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class VerifyCommand : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) /
             ("verify" + std::to_string(getpid()) +
              testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }
  std::string model(const std::string& more = "") const {
    return file("small.json", R"({"model_type": "llama", "num_hidden_layers": 3, "hidden_size": 256,
      "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 512,
      "vocab_size": 1024, "tie_word_embeddings": true, "max_position_embeddings": 4096)" +
                                  more + "}");
  }
  // Of a bandwidth that no machine has: steps are run, and none is as calibrated.
  std::string machine() const {
    const auto p = [](const char* key, const char* value) {
      return fmt::format("{} = {{ value = \"{}\", evidence = \"fitted\", source = \"made\" }}\n",
                         key, value);
    };
    std::string text = "schema = 1\nname = \"made\"\nranks_per_device = 2\n";
    text += "[memory]\n" + p("bandwidth", "9 PB/s");
    text += "[compute]\n" + p("bf16", "1 TFLOP/s") + p("int4", "1 TFLOP/s");
    text += "[linear.bf16]\n" + p("efficiency", "0.9") + "[linear.int4]\n" + p("efficiency", "0.9");
    return file("made.toml", text);
  }

  fs::path folder;
};

TEST_F(VerifyCommand, RunsStepsAndJudgesNoneThatRanOnAnotherMachine) {
  const auto r =
      run_limen({"verify", "--machine", machine(), "--model", model(), "--weights", "bf16,int4",
                 "--batch", "1,3", "--context", "100", "--tp", "1", "--visits", "1", "--json"});
  ASSERT_EQ(r.code, 77) << r.err;
  const auto out = nlohmann::json::parse(r.out);
  ASSERT_EQ(out["cases"].size(), 4u);
  EXPECT_EQ(out["summary"]["cases"], 0);
  EXPECT_FALSE(out["summary"].contains("median_error"));
  for (const auto& c : out["cases"]) {
    EXPECT_EQ(c["machine"], "made");
    EXPECT_GT(c["predicted_seconds"]["value"], 0);
    EXPECT_LE(c["predicted_seconds"]["low"], c["predicted_seconds"]["high"]);
    EXPECT_EQ(c["visits_with_another_memory"], 1);
    EXPECT_FALSE(c.contains("measured_seconds"));
    EXPECT_GT(c["operators"]["qkv"]["predicted_seconds"], 0);
  }
}

TEST_F(VerifyCommand, SaysThatNothingWasJudged) {
  const auto r = run_limen({"verify", "--machine", machine(), "--model", model(), "--weights",
                            "int4", "--batch", "1", "--context", "100", "--tp", "1", "--visits",
                            "1", "--svg", (folder / "none.svg").string()});
  EXPECT_EQ(r.code, 77) << r.err;
  EXPECT_THAT(r.out, HasSubstr("No case was judged"));
  EXPECT_THAT(r.out, testing::Not(HasSubstr("median error")));
  EXPECT_FALSE(fs::exists(folder / "none.svg"));
}

TEST_F(VerifyCommand, RunsEveryKindOfAttentionAndNetwork) {
  const auto gemma = file("gemma.json", R"({"model_type": "gemma3_text", "num_hidden_layers": 12,
      "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 32,
      "intermediate_size": 512, "vocab_size": 1024, "sliding_window": 64,
      "sliding_window_pattern": 6})");
  const auto llama4 = file("llama4.json", R"({"model_type": "llama4_text", "num_hidden_layers": 4,
      "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
      "intermediate_size": 256, "intermediate_size_mlp": 512, "vocab_size": 1024,
      "attention_chunk_size": 64, "num_local_experts": 8, "num_experts_per_tok": 1,
      "interleave_moe_layer_step": 2})");
  const auto sparse = file("glm.json", R"({"model_type": "glm_moe_dsa", "num_hidden_layers": 5,
      "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 4,
      "intermediate_size": 512, "moe_intermediate_size": 128, "n_routed_experts": 8,
      "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 2,
      "vocab_size": 1024, "q_lora_rank": 64, "kv_lora_rank": 64, "qk_nope_head_dim": 32,
      "qk_rope_head_dim": 16, "v_head_dim": 32, "index_n_heads": 4, "index_head_dim": 32,
      "index_topk": 48})");
  const auto ungated = file("gpt.json", R"({"model_type": "gpt2", "n_layer": 3, "n_embd": 128,
      "n_head": 4, "n_positions": 2048, "vocab_size": 1001})");
  const auto r =
      run_limen({"verify", "--machine", machine(), "--model",
                 gemma + "," + llama4 + "," + sparse + "," + ungated, "--weights", "bf16",
                 "--batch", "3", "--context", "100", "--tp", "1,2", "--visits", "1", "--json"});
  ASSERT_EQ(r.code, 77) << r.err;
  EXPECT_THAT(r.err, HasSubstr("left out: tp 2: " + ungated + ": 1001 tokens"));
  const auto out = nlohmann::json::parse(r.out);
  std::map<std::string, nlohmann::json> of;
  for (const auto& c : out["cases"]) of[c["model"]] = c;
  ASSERT_EQ(of.size(), 4u);
  EXPECT_EQ(of[gemma]["reduction"],
            gemma + " bf16: layers run, by kind: attention 2 of 2 + 10 of 10, network 12 of 12");
  EXPECT_EQ(
      of[llama4]["reduction"],
      llama4 + " bf16: layers run, by kind: attention 1 of 1 + 3 of 3, network 2 of 2 + 2 of 2");
  for (const char* op : {"qkv", "attention", "output", "gate-up", "down", "router", "experts"})
    EXPECT_GT(of[sparse]["operators"][op]["predicted_seconds"], 0) << op;
  for (const auto& c : out["cases"]) EXPECT_EQ(c["visits_with_another_memory"], 1);
}

TEST_F(VerifyCommand, RefusesWhatItCannotRun) {
  const auto refused = [&](std::vector<std::string> more, const char* why) {
    more.insert(more.begin(), {"verify", "--machine", machine()});
    const auto r = run_limen(more);
    EXPECT_EQ(r.code, 2) << why;
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_THAT(r.err, HasSubstr(why));
    EXPECT_EQ(r.out, "");
  };
  const auto odd = file("odd.json", R"({"model_type": "llama", "num_hidden_layers": 3,
      "hidden_size": 256, "num_attention_heads": 4, "head_dim": 40, "intermediate_size": 512,
      "vocab_size": 1024})");
  refused({"--model", odd, "--weights", "bf16"}, "no decode step is built for");
  refused({"--model", odd, "--weights", "bf16"}, "heads of 40 elements");
  refused({"--model", model(), "--weights", "fp8"}, "no decode step with 'fp8' weights");
  refused({"--model", model(), "--weights", "int8"}, "has no law for int8 weights");
  refused({"--model", model(), "--weights", "bf16", "--batch", "65"},
          "--batch: 65 is more than 64");
  refused({"--model", model(), "--weights", "bf16", "--batch", "0"}, "--batch");
  refused({"--model", model(), "--weights", "bf16", "--context", "-1"}, "--context");
  refused({"--model", model(), "--weights", "bf16", "--context", "100", "--tp", "3"},
          "cannot be split over 3 ranks");
}

TEST_F(VerifyCommand, HoldsAnotherEngineAgainstThePrediction) {
  const auto test = [](double bits, int depth, const char* ns) {
    return fmt::format(
        R"({{"build_commit": "b", "build_number": 1, "cpu_info": "c", "gpu_info": "",
        "test_time": "2026-01-01T00:00:00Z", "model_filename": "m.gguf", "model_type": "llama 8B",
        "model_size": {}, "model_n_params": 8030261248, "n_prompt": 0, "n_gen": 1, "n_depth": {},
        "samples_ns": [{}]}})",
        static_cast<long long>(8030261248 * bits / 8), depth, ns);
  };
  const auto bench =
      file("bench.json", fmt::format("[{}, {}, {}]", test(4.5, 0, "50000000"),
                                     test(4.5, 4096, "60000000"), test(6.6, 0, "70000000")));
  const auto r = run_limen(
      {"verify", "--machine", machine(), "--weights", "int4", "--against", bench, "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_THAT(r.err, HasSubstr("6.60 bits a weight are of no format known"));
  const auto rows = nlohmann::json::parse(r.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["model"], "llama-3.1-8b");
  EXPECT_EQ(rows[0]["weights"], "int4-g32");
  EXPECT_DOUBLE_EQ(rows[0]["engine_tokens_per_second"].get<double>(), 20);
  // Fitted by the other row: the prediction times the other's factor.
  const auto number = [&](int row, const char* key) { return rows[row][key].get<double>(); };
  const double factor =
      number(1, "predicted_tokens_per_second") / number(1, "engine_tokens_per_second");
  EXPECT_NEAR(number(0, "engine_fitted_tokens_per_second"),
              number(0, "predicted_tokens_per_second") / factor, 1e-9 * factor);

  const auto broken = file("broken.json", "[{");
  const auto refused =
      run_limen({"verify", "--machine", machine(), "--weights", "int4", "--against", broken});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("broken.json"));
}

}  // namespace
}  // namespace limen::tests
