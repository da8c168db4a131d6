// limen verify on emulated GPUs: the captured step of a small model, checked against fp64 on one
// device and on two, goes from end to end, and nobody can take its times for a measurement.
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/cuda/emulated.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {
namespace {

using testing::HasSubstr;

class EmulatedDecode : public Emulated {
 protected:
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }
  // With experts beside a dense network would take a card of its own: experts alone.
  std::string model(bool experts) const {
    return file(experts ? "experts.json" : "dense.json",
                std::string(R"({"num_hidden_layers": 2, "hidden_size": 128,
      "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 520,
      "tie_word_embeddings": true, "max_position_embeddings": 4096, )") +
                    (experts ? R"("model_type": "qwen3_moe", "num_experts": 6,
      "num_experts_per_tok": 2, "moe_intermediate_size": 96, "intermediate_size": 96})"
                             : R"("model_type": "llama", "intermediate_size": 208})"));
  }
  // Latent attention of half of the tokens.
  std::string sparse_model() const {
    return file("sparse.json", R"({"model_type": "glm_moe_dsa", "num_hidden_layers": 2,
      "hidden_size": 128, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 520,
      "intermediate_size": 208, "moe_intermediate_size": 96, "n_routed_experts": 6,
      "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1,
      "q_lora_rank": 64, "kv_lora_rank": 512, "qk_nope_head_dim": 32, "qk_rope_head_dim": 64,
      "v_head_dim": 32, "index_n_heads": 4, "index_head_dim": 128, "index_topk": 50})");
  }
  std::string machine() const {
    const auto p = [](const std::string& key, const std::string& value) {
      return key + " = { value = \"" + value + "\", evidence = \"fitted\", source = \"made\" }\n";
    };
    return file("made.toml", "schema = 1\nname = \"made\"\ndevices = 2\n[memory]\n" +
                                 p("bandwidth", "1 TB/s") + "[compute]\n" + p("bf16", "1 TFLOP/s") +
                                 p("int8", "1 TFLOP/s") + p("int4", "1 TFLOP/s") +
                                 "[linear.bf16]\n" + p("efficiency", "0.9") + "[linear.int8]\n" +
                                 p("efficiency", "0.9") + "[linear.int4]\n" +
                                 p("efficiency", "0.9"));
  }
  Finished verify(std::vector<std::string> more, Environment variables) const {
    std::vector<std::string> all{"verify",   "--device", "gpu",       "--machine", machine(),
                                 "--visits", "1",        "--context", "100",       "--json"};
    all.insert(all.end(), more.begin(), more.end());
    variables["PTXEMU_MEM_MB"] = "256";
    return run_emulated(all, variables);
  }
  const Folder folder;
};

TEST_F(EmulatedDecode, StepsAreRightAndNoMeasurement) {
  const auto run = verify({"--model", model(false) + "," + model(true) + "," + sparse_model(),
                           "--weights", "bf16,int4", "--batch", "1,3", "--tp", "1,2"},
                          {{"PTXEMU_DEVICES", "2"}, {"PTXEMU_ORDER", "rev"}});
  ASSERT_EQ(run.code, 77) << run.err;  // nothing was measured
  EXPECT_THAT(run.err, HasSubstr("EMULATED"));
  const auto out = nlohmann::json::parse(run.out);
  EXPECT_EQ(out["cases"].size(), 24u);
  EXPECT_EQ(out["summary"]["cases"], 0);
  for (const auto& c : out["cases"]) {
    EXPECT_EQ(c["emulated"], true);
    EXPECT_FALSE(c.contains("measured_seconds"));
    EXPECT_GT(c["operators"]["qkv"]["predicted_seconds"], 0);
  }
}

#ifdef LIMEN_RANKS_NCCL
// By NCCL, in one process and in a process for each GPU.
TEST_F(EmulatedDecode, NcclAddsUpInTheGraph) {
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  for (const char* how : {"", "--processes"}) {
    std::vector<std::string> arguments{"--model",    model(false), "--weights", "bf16",
                                       "--batch",    "1",          "--tp",      "2",
                                       "--exchange", "nccl"};
    if (*how != '\0') arguments.emplace_back(how);
    const auto run =
        verify(arguments, {{"PTXEMU_DEVICES", "2"},
                           {"LD_LIBRARY_PATH", std::string(LIMEN_RANKS_NCCL) + ":" + emulator()}});
    ASSERT_EQ(run.code, 77) << how << run.err;  // no case is a measurement
    const auto out = nlohmann::json::parse(run.out);
    ASSERT_EQ(out["cases"].size(), 1u);
    EXPECT_EQ(out["cases"][0]["emulated"], true) << how;
  }
}

TEST_F(EmulatedDecode, AWrongExchangeIsNotTimed) {
  const auto run = verify({"--model", model(false), "--weights", "bf16", "--batch", "1", "--tp",
                           "2", "--exchange", "nccl"},
                          {{"PTXEMU_DEVICES", "2"},
                           {"TEST_NCCL", "wrong"},
                           {"LD_LIBRARY_PATH", std::string(LIMEN_RANKS_NCCL) + ":" + emulator()}});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("a wrong decode step is not timed"));
}
#endif

TEST_F(EmulatedDecode, AFailingCallIsALineAndACode) {
  const std::vector<std::string> small{"--model", model(false), "--weights", "int8",
                                       "--batch", "1",          "--tp",      "1"};
  auto run = verify(small, {{"PTXEMU_FAIL", "cudaGraphLaunch:1=719"}});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("719"));
  EXPECT_THAT(run.err, HasSubstr("limen probe gpu --verify"));
  run = verify(small, {{"PTXEMU_INIT_ERROR", "35"}});
  EXPECT_EQ(run.code, 77) << run.err;
  EXPECT_THAT(run.err, HasSubstr("--device gpu: "));
}

TEST_F(EmulatedDecode, MoreRanksThanDevicesAreLeftOut) {
  const auto run =
      verify({"--model", model(false), "--weights", "int8", "--batch", "1", "--tp", "2"}, {});
  EXPECT_EQ(run.code, 77) << run.err;
  EXPECT_THAT(run.err, HasSubstr("tp 2: left out: 1 GPUs can be used here"));
}

}  // namespace
}  // namespace limen::tests
