// Accelerators, models and formats under the names that tables give them.
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "model/cards/device.hpp"
#include "model/cards/known_model.hpp"
#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/error.hpp"

namespace limen {
namespace {

std::string card_of(std::string_view name) {
  const cards::Device* d = cards::find_device(name);
  return d ? std::string(d->card) : "";
}

TEST(DeviceNames, ManyNamesOneCard) {
  for (const char* name : {"H100 SXM", "NVIDIA H100 80GB HBM3", "8x H100-SXM5-80GB", "h100",
                           "H100SXM5", "h100-sxm5-80gb", "1x H100-SXM5-80GB @500W"})
    EXPECT_EQ(card_of(name), "h100-sxm5-80gb") << name;
  for (const auto& [name, card] : std::initializer_list<std::pair<const char*, const char*>>{
           {"A100-SXM4-80GB", "a100-sxm4-80gb"},
           {"NVIDIA A100-SXM4-40GB", "a100-sxm4-40gb"},
           {"A100 40 GB", "a100-sxm4-40gb"},
           {"NVIDIA A100 80GB PCIe", "a100-pcie-80gb"},
           {"H100 PCIe", "h100-pcie-80gb"},
           {"NVIDIA H100 NVL", "h100-nvl-94gb"},
           {"h200-sxm", "h200-sxm-141gb"},
           {"H200", "h200-sxm-141gb"},
           {"H20", "h20-sxm-96gb"},
           {"B200", "b200-sxm-180gb"},
           {"GB200 NVL72", "gb200"},
           {"NVIDIA GeForce RTX 5090", "rtx-5090"},
           {"RTX-4090", "rtx-4090"},
           {"NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtx-pro-6000-server"},
           {"NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"},
           {"RTX A6000", "rtx-a6000"},
           {"L4", "l4"},
           {"NVIDIA L40S", "l40s"},
           {"AMD Instinct MI300X", "mi300x"},
           {"MI250 (GCD)", "mi250-gcd"},
           {"GB10 (DGX Spark)", "gb10-dgx-spark"},
           {"Apple M2 Ultra", "m2-ultra-76gpu"},
           {"Gaudi2", "gaudi2"}})
    EXPECT_EQ(card_of(name), card) << name;
  for (const char* name : {"", "xpu-hbm4", "TPU v9", "an unheard-of GPU", "H1000"})
    EXPECT_EQ(card_of(name), "") << name;
}

// What a user names may not say more than the card does: "h100-16" has sixteen devices.
TEST(DeviceNames, AUsersNameIsWhollyExplained) {
  for (const auto& [name, card] :
       std::initializer_list<std::pair<const char*, const char*>>{{"h200-sxm", "h200-sxm-141gb"},
                                                                  {"NVIDIA H100", "h100-sxm5-80gb"},
                                                                  {"h100-pcie", "h100-pcie-80gb"},
                                                                  {"GeForce RTX 4090", "rtx-4090"},
                                                                  {"mi300", "mi300x"},
                                                                  {"h100-8", "h100-8"}})
    EXPECT_EQ(cards::find_machine(name).name, card) << name;
  for (const auto& [name, nearest] : std::initializer_list<std::pair<const char*, const char*>>{
           {"h100-16", "h100-sxm5-80gb"},
           {"rtx-4090-laptop", "rtx-4090"},
           {"h100-sxm-40gb", "h100-sxm5-80gb"},
           {"l40s-2", "l40s"},
           {"m1 ultra", "m1-7gpu"}}) {
    try {
      cards::find_machine(name);
      ADD_FAILURE() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.what(),
                fmt::format("--machine: unknown machine '{}'; did you mean '{}'?", name, nearest));
    }
  }
  // A file is that file, whatever device its path names.
  EXPECT_THROW(cards::find_machine("h100/machine.toml"), Error);
}

TEST(DeviceNames, EveryDeviceHasACard) {
  const auto names = cards::machine_names();
  const std::set<std::string> known(names.begin(), names.end());
  for (const cards::Device& d : cards::devices()) {
    EXPECT_TRUE(known.count(std::string(d.card))) << d.card;
    EXPECT_EQ(card_of(d.card), d.card);
  }
}

TEST(ModelNames, ManyNamesOneShape) {
  for (const auto& [name, hidden, layers, kv] :
       std::initializer_list<std::tuple<const char*, int, int, int>>{
           {"meta-llama/Llama-2-7b-hf", 4096, 32, 32},
           {"Llama-2-7B", 4096, 32, 32},
           {"llama 7B Q4_0", 4096, 32, 32},
           {"Llama-2-70B-Chat-AWQ", 8192, 80, 8},
           {"Llama-3.1-70B-Instruct", 8192, 80, 8},
           {"meta-llama/Meta-Llama-3-8B-Instruct", 4096, 32, 8},
           {"Llama-3.3-70B-Instruct-FP8", 8192, 80, 8},
           {"llama 8B Q4_K - Medium", 4096, 32, 8},
           {"nvidia/Llama-3.1-405B-Instruct-FP8", 16384, 126, 8},
           {"mistralai/Mistral-7B-Instruct-v0.2", 4096, 32, 8},
           {"Qwen2.5-Coder-7B", 3584, 28, 4},
           {"Qwen/Qwen3-30B-A3B-Instruct-2507", 2048, 48, 4},
           {"Mixtral-8x7B", 4096, 32, 8}}) {
    const auto t = cards::known_model(name);
    ASSERT_TRUE(t) << name;
    EXPECT_EQ(t->hidden, hidden) << name;
    EXPECT_EQ(t->layers(), layers) << name;
    EXPECT_EQ(t->attention[0].kv_heads, kv) << name;
  }
  for (const char* name : {"", "GPT-5", "Llama-9-1T", "llama"})
    EXPECT_FALSE(cards::known_model(name)) << name;
}

// What a user names is that, or an error: never a relative with other layers.
TEST(ModelNames, AUsersNameIsExact) {
  for (const auto& [name, model] : std::initializer_list<std::pair<const char*, const char*>>{
           {"llama-3.1-8b", "llama-3.1-8b"},
           {"Llama 3.1_8B", "llama-3.1-8b"},
           {"llama-3.3-70b", "llama-3.1-70b"},
           {"llama-2-7b", "llama-2-7b"},
           {"deepseek-r1", "deepseek-r1"},
           {"gpt-3-175b", "gpt-3-175b"}}) {
    EXPECT_EQ(cards::find_model(name).name, model) << name;
  }
  for (const auto& [name, nearest] : std::initializer_list<std::pair<const char*, const char*>>{
           {"deepseek-v2", "deepseek-v3"},
           {"deepseek", "deepseek-r1"},
           {"deepseek-v2.5", "deepseek-v3"},
           {"deepseek-chat", "deepseek-r1"},
           {"mistral-7b-v0.1", "mistral-7b-v0.3"},
           {"llama-1b", "llama-3.1-8b"},
           {"llama-3.1-8b-int4", "llama-3.1-8b"},
           {"llama-3.1-8b-instruct", "llama-3.1-8b"}}) {
    try {
      cards::find_model(name);
      ADD_FAILURE() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.what(), fmt::format("--model: unknown model '{}'; did you mean '{}'? (a Hugging "
                                      "Face config.json works too)",
                                      name, nearest));
    }
  }
}

TEST(ModelNames, ShapesAddUpToPublishedTotals) {
  for (const auto& [name, billions] :
       std::initializer_list<std::pair<const char*, double>>{{"Llama-2-7B", 6.738},
                                                             {"Llama-2-13B", 13.016},
                                                             {"Llama-2-70B", 68.977},
                                                             {"Falcon-180B", 179.5},
                                                             {"GPT-J-6B", 6.051},
                                                             {"Megatron-530B", 529.6},
                                                             {"Qwen2-7B", 7.616},
                                                             {"MPT-7B", 6.649},
                                                             {"TinyLlama-1.1B", 1.1}})
    EXPECT_NEAR(cards::known_model(name)->parameters() / 1e9, billions, 0.012 * billions) << name;
}

TEST(FormatNames, BytesAndKernels) {
  for (const auto& [name, bytes, kernel] :
       std::initializer_list<std::tuple<const char*, double, const char*>>{
           {"bf16", 2, "bf16"},
           {"bf16/fp16", 2, "bf16"},
           {"q4_0", 4.5 / 8, "int4"},
           {"GGUF Q8_0", 8.5 / 8, "int8"},
           {"AWQ int4 g128", 4.25 / 8, "int4"},
           {"gptq", 4.25 / 8, "int4"},
           {"w4a16", 4.25 / 8, "int4"},
           {"fp8", 1, "fp8"},
           {"fp8_block", 1, "fp8-block"},
           {"sq", 1, "w8a8"},
           {"int8 weight-only", 1, "int8"}}) {
    const auto f = cards::known_format(name);
    ASSERT_TRUE(f) << name;
    EXPECT_NEAR(f->bytes, bytes, 1e-9) << name;
    EXPECT_EQ(f->kernel, kernel) << name;
  }
  EXPECT_NEAR(cards::known_format("GGUF Q4_0", 5.2)->bytes, 0.65, 1e-9);  // as the table states it
  EXPECT_FALSE(cards::known_format("base 3"));
}

TEST(Laws, FillInWhatADatasheetDoesNotSay) {
  const auto& laws = cards::built_in_laws();
  const auto sheet = cards::find_machine("h200-sxm-141gb");
  EXPECT_FALSE(sheet.law(model::Format::bf16).efficiency);
  const auto filled = cards::with_laws(sheet, laws, "vllm");
  const auto& efficiency = filled.law(model::Format::bf16).efficiency;
  ASSERT_TRUE(efficiency);
  EXPECT_EQ(efficiency->evidence, model::Evidence::pooled);  // never measured itself
  EXPECT_LT(double(efficiency->high), 1);
  EXPECT_EQ(filled.memory_bandwidth->evidence, model::Evidence::datasheet);
  EXPECT_TRUE(filled.engine_layer);
  const auto measured = cards::with_laws(cards::find_machine("h100-sxm5-80gb"), laws, "none");
  const auto& own = measured.law(model::Format::bf16).efficiency;
  EXPECT_EQ(own->evidence, model::Evidence::fitted);
  // What was measured is known better than what is taken from relatives.
  EXPECT_LT(double(own->high) - double(own->low),
            double(efficiency->high) - double(efficiency->low));
  EXPECT_FALSE(cards::with_laws(sheet, laws, "ideal").engine_layer);
  EXPECT_THROW(cards::with_laws(sheet, laws, "warp-drive"), Error);
  const auto hypothetical = cards::find_machine("xpu-hbm4");
  EXPECT_FALSE(cards::with_laws(hypothetical, laws, "vllm").law(model::Format::bf16).efficiency);
}

TEST(Laws, SurviveTheirFileAndRefuseNonsense) {
  const auto& laws = cards::built_in_laws();
  const auto again = cards::read_laws(cards::write_laws(laws, "again"), "again.toml");
  ASSERT_EQ(again.all.size(), laws.all.size());
  for (std::size_t i = 0; i < laws.all.size(); ++i)
    for (const auto& [name, v] : laws.all[i].parameters)
      EXPECT_NEAR(again.all[i].of(name).value, v.value, 1e-3 * v.value);
  EXPECT_THROW(cards::read_laws("schema = 2\n", "x"), Error);
  EXPECT_THROW(cards::read_laws("schema = 1\n[[law]]\nkind=\"linear\"\nspeed=\"1\"\n", "x"), Error);
  EXPECT_THROW(
      cards::read_laws("schema = 1\n[[law]]\nkind=\"linear\"\nfixed={value=\"1\",low=\"1 us\","
                       "high=\"1 us\"}\n",
                       "x"),
      Error);  // a time without a unit
  EXPECT_THROW(
      cards::read_laws("schema = 1\n[[law]]\nkind=\"linear\"\nrate={value=\"0.5\",low=\"0.6\","
                       "high=\"0.7\"}\n",
                       "x"),
      Error);
}

}  // namespace
}  // namespace limen
