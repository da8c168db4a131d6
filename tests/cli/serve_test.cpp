// limen serve.
#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Finished serve(std::vector<std::string> more) {
  more.insert(more.begin(), {"serve", "--model", "llama-3.1-8b", "--machine", "h100-8", "--input",
                             "2k", "--output", "512"});
  return run_limen(more);
}

TEST(ServeCommand, PrintsTheFrontierWithTheSameFiguresInEveryForm) {
  const auto r = serve({"--json"}), csv = serve({"--csv"}), text = serve({});
  ASSERT_EQ(r.code + csv.code + text.code, 0) << r.err;
  const auto rows = json::parse(r.out);
  ASSERT_GT(rows.size(), 10u);
  const json* last = nullptr;
  for (const auto& p : rows) {
    EXPECT_LE(p["utps_low"], p["utps"]);
    EXPECT_LE(p["utps"], p["utps_high"]);
    EXPECT_LE(p["utps_high"].get<double>(), p["utps_ideal"].get<double>() * (1 + 1e-12));
    EXPECT_LE(p["stps"], p["stps_high"]);
    EXPECT_LE(p["instances"].get<int>() * p["tp"].get<int>() * p["pp"].get<int>(), 8);
    EXPECT_NEAR(p["stps_per_device"].get<double>() * 8, p["stps"].get<double>(), 1e-6);
    EXPECT_TRUE(p["prefill_tp"].is_null());
    if (last) {
      EXPECT_LT(p["utps"], (*last)["utps"]);
      EXPECT_GT(p["stps"], (*last)["stps"]);
    }
    last = &p;
  }
  // A line of names and one a point; the names are the keys.
  EXPECT_EQ(std::size_t(std::count(csv.out.begin(), csv.out.end(), '\n')), rows.size() + 1);
  EXPECT_EQ(csv.out.rfind("model,machine,devices,input,output,", 0), 0u);
  const std::string names = csv.out.substr(0, csv.out.find('\n'));
  EXPECT_EQ(std::size_t(std::count(names.begin(), names.end(), ',')), rows[0].size() - 1);
  EXPECT_THAT(text.out, HasSubstr("2048 tokens in, 512 out"));
}

TEST(ServeCommand, SaysWhatSetsCasesApart) {
  const std::string file = testing::TempDir() + "limen_comma.toml";
  std::ofstream(file) << "schema = 1\nname = \"xpu, mine\"\nbase = \"xpu-hbm4\"\n";
  auto of = [&](const char* form) {
    return run_limen(
        {"serve",  "--model", "deepseek-v3", "--machine",    file,   "--tp",    "8",  "--pp",
         "1",      "--ep",    "1",           "--dp",         "1",    "--batch", "1",  "--weights",
         "native", "--draft", "0,2",         "--acceptance", "0.85", "--input", "2k", "--output",
         "512",    form});
  };
  const auto r = of("--json");
  ASSERT_EQ(r.code, 0) << r.err;
  const auto rows = json::parse(r.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["draft"], 0);
  EXPECT_EQ(rows[0]["draft_model"], "");
  EXPECT_EQ(rows[0]["experts"], "fp8-block");
  EXPECT_EQ(rows[0]["head"], "bf16");
  EXPECT_EQ(rows[1]["draft"], 2);
  EXPECT_EQ(rows[1]["acceptance"], 0.85);
  EXPECT_EQ(rows[1]["draft_model"], "deepseek-v3 MTP");
  EXPECT_THAT(of("--all").out,
              HasSubstr("weights fp8-block, head bf16, KV bf16, 2 drafted by deepseek-v3 MTP and "
                        "right at 0.85: 2.57 tokens a step; prefill"));
  EXPECT_THAT(of("--csv").out, HasSubstr("\ndeepseek-v3,\"xpu, mine\","));
}

TEST(ServeCommand, KeepsTheLimitsOnTimes) {
  const auto r = serve({"--ttft", "30ms", "--tpot", "8ms", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  for (const auto& p : json::parse(r.out)) {
    EXPECT_LE(p["ttft_seconds"], 0.030);
    EXPECT_LE(p["tpot_seconds"], 0.008);
  }
  const auto none = serve({"--tpot", "0.01ms"});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.lines_of_error(), 1);
  EXPECT_THAT(none.err, HasSubstr("nothing is feasible; closest is"));
}

TEST(ServeCommand, PrefillsNoMorePromptsTogetherThanAreInFlight) {
  const auto all = serve({"--batch", "8", "--tp", "8", "--pp", "1", "--prompts", "8"});
  EXPECT_EQ(all.code, 0) << all.err;
  const auto more = serve({"--batch", "8", "--tp", "8", "--pp", "1", "--prompts", "1000"});
  EXPECT_EQ(more.code, 1);
  EXPECT_EQ(more.out, "");
  EXPECT_EQ(more.lines_of_error(), 1);
  EXPECT_THAT(more.err,
              HasSubstr("batch 8: 1000 prompts cannot be prefilled together, with 8 in flight"));
  // Each stage has a batch of its own.
  EXPECT_EQ(serve({"--batch", "4", "--tp", "4", "--pp", "2", "--prompts", "8"}).code, 0);
}

TEST(ServeCommand, DividesTheDevicesIntoPools) {
  const auto given = serve({"--disaggregate", "2:6", "--json"}),
             best = serve({"--disaggregate", "auto", "--json"}),
             other = serve({"--prefill-machine", "xpu-hbm3", "--json"});
  ASSERT_EQ(given.code + best.code + other.code, 0) << given.err << best.err << other.err;
  double most = 0, most_given = 0;
  for (const auto& p : json::parse(given.out)) {
    EXPECT_LE(
        p["prefill_instances"].get<int>() * p["prefill_tp"].get<int>() * p["prefill_pp"].get<int>(),
        2);
    EXPECT_LE(p["instances"].get<int>() * p["tp"].get<int>() * p["pp"].get<int>(), 6);
    EXPECT_GT(p["transfer_seconds"], 0);
    most_given = std::max(most_given, p["stps"].get<double>());
  }
  for (const auto& p : json::parse(best.out)) most = std::max(most, p["stps"].get<double>());
  EXPECT_GE(most, most_given);
  EXPECT_EQ(json::parse(other.out)[0]["devices"], 8 + 128);
}

TEST(ServeCommand, BadInputIsOneLineAndExitCodeTwo) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--ttft", "1"}, "--ttft needs a positive time with its unit"},
      {{"--tpot", "-3ms"}, "--tpot"},
      {{"--tpot", "nanms"}, "--tpot"},
      {{"--tpot", "1e400s"}, "--tpot"},
      {{"--chunk", "0"}, "--chunk"},
      {{"--chunk", "1.5"}, "not a whole number"},
      {{"--prompts", "0"}, "--prompts"},
      {{"--disaggregate", "2"}, "neither auto nor PREFILL:DECODE"},
      {{"--disaggregate", "0:8"}, "--disaggregate"},
      {{"--disaggregate", "4:5"}, "has 8 devices"},
      {{"--prefill-machine", "xpu-cow"}, "--prefill-machine: unknown machine 'xpu-cow'; did"},
      {{"--ttft", ""}, "--ttft: '' has an empty value"},
      {{"--batch", "0"}, "--batch"},
      {{"--tp", "atuo"}, "--tp"},
      {{"--json", "--csv"}, "--csv"}};
  for (const auto& [arguments, says] : cases) {
    const auto r = serve(arguments);
    EXPECT_EQ(r.code, 2) << says;
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_THAT(r.err, HasSubstr(says));
  }
  const std::vector<std::string> head = {"serve", "--model", "llama-3.1-8b", "--machine", "h100-8"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), head.begin(), head.end());
    return run_limen(more);
  };
  EXPECT_THAT(with({"--output", "8"}).err, HasSubstr("--input is required"));
  EXPECT_THAT(with({"--input", "0", "--output", "8"}).err, HasSubstr("--input"));
  EXPECT_THAT(with({"--input", "8", "--output", "1"}).err, HasSubstr("ask for 2 or more"));
  EXPECT_EQ(with({"--input", "8", "--output", "1"}).code, 2);
}

}  // namespace
}  // namespace limen::tests
