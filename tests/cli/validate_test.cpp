// limen validate, calibrate --published and predict --engine, as a user runs them.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

std::string file_of(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}
std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

const std::string cases =
    "device,framework,model,weight_format,tp,batch,input_tokens,output_tokens,measure,"
    "tokens_per_s_user,note\n"
    "NVIDIA H100 80GB HBM3,vLLM "
    "0.6,meta-llama/Llama-3.1-8B-Instruct,bf16,1,1,128,128,decode,140,\"a, b\"\n"
    "Abacus,vLLM,Llama-3.1-8B,bf16,1,1,128,128,decode,140,\n"
    "H100,vLLM,Eliza,bf16,1,1,128,128,decode,140,\n"
    "H100,vLLM,Llama-3.1-8B,bf16,1,1,128,128,decode,900,too good\n";

TEST(Validate, AddsPredictionsToEveryRow) {
  const std::string in = file_of("cases.csv", cases), out = testing::TempDir() + "judged.csv";
  const Finished run = run_limen({"validate", "--cases", in, "-o", out, "--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["all"]["n"], 2);
  EXPECT_EQ(json["all"]["violations"], 1);
  EXPECT_EQ(json["not_predicted"]["unknown device 'Abacus'"], 1);
  const std::string judged = read(out);
  EXPECT_NE(judged.find("note,predicted,low,high,ideal_limit,binding_limit,reason\n"),
            std::string::npos);
  EXPECT_NE(judged.find("\"a, b\","), std::string::npos);
  EXPECT_NE(judged.find("beats the ideal limit"), std::string::npos);
  EXPECT_EQ(std::count(judged.begin(), judged.end(), '\n'), 5);
  run_limen({"validate", "--cases", in, "-o", out});
  EXPECT_EQ(read(out), judged);  // deterministic
}

TEST(Validate, DatasheetAloneIsWider) {
  const std::string in = file_of("cases.csv", cases), a = testing::TempDir() + "a.csv",
                    b = testing::TempDir() + "b.csv";
  run_limen({"validate", "--cases", in, "-o", a});
  run_limen({"validate", "--cases", in, "--machine-from", "datasheet", "-o", b});
  EXPECT_NE(read(a), read(b));
  EXPECT_NE(read(b).find("pooled"), std::string::npos);
}

TEST(Validate, RefusesBadInputWithItsLine) {
  const Finished malformed =
      run_limen({"validate", "--cases", file_of("bad.csv", cases + "H100,1\n")});
  EXPECT_EQ(malformed.code, 2);
  EXPECT_NE(malformed.err.find("bad.csv:6"), std::string::npos) << malformed.err;
  EXPECT_EQ(malformed.lines_of_error(), 1);
  EXPECT_EQ(run_limen({"validate"}).code, 2);
  EXPECT_EQ(run_limen({"validate", "--cases", "no-such-file.csv"}).code, 2);
  EXPECT_EQ(
      run_limen({"validate", "--cases", file_of("c.csv", cases), "--machine-from", "guess"}).code,
      2);
  EXPECT_EQ(run_limen({"validate", "--cases", file_of("c.csv", cases), "--engine", "warp"}).code,
            2);
  const std::string run = LIMEN_SOURCE_DIR "/results/data/epyc-2core-quick";
  for (const auto& [arguments, says] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"validate", "--cross", "x", "--engine", "vllm"}, "--engine excludes --cross"},
           {{"validate", "--cross", "x", "--machine-from", "datasheet"}, "--machine-from excludes"},
           {{"calibrate", "--published", "x", "--name", "m"}, "excludes --name"},
           {{"calibrate", "--published", "x", "--of", "cpu"}, "excludes --of"},
           {{"calibrate", run, run + "/../epyc-2core-quick"}, "would count twice"},
           {{"import", "x", "--ranks", "1"}, "--ranks"}}) {
    const Finished r = run_limen(arguments);
    EXPECT_EQ(r.code, 2) << says;
    EXPECT_EQ(r.lines_of_error(), 1) << r.err;
    EXPECT_NE(r.err.find(says), std::string::npos) << r.err;
  }
  EXPECT_EQ(run_limen({"calibrate"}).code, 2);
  EXPECT_EQ(run_limen({"calibrate", "--published", testing::TempDir() + "nothing-here"}).code, 2);
}

TEST(Import, CompactsPublishedTablesWithTheirProvenance) {
  const std::string from = testing::TempDir() + "published-tables", to = from + "-compact";
  std::filesystem::remove_all(from);
  std::filesystem::remove_all(to);
  std::filesystem::create_directories(from);
  std::ofstream(from + "/sources.csv")
      << "source_id,source,commit_or_date,licence_as_stated\nlab,somewhere,abc,MIT\n";
  std::ofstream(from + "/gemv_gemm.csv")
      << "device,m,n,k,time_s,flops,source_id,quality\nH100,1,4096.0,4096,2e-5,7,lab,A\n";
  ASSERT_EQ(run_limen({"import", "--published", from, "-o", to}).code, 0);
  EXPECT_NE(read(to + "/products.csv").find("H100,,1,4096,4096,"), std::string::npos);
  EXPECT_EQ(read(to + "/products.csv").find("flops"), std::string::npos);
  EXPECT_NE(read(to + "/provenance.csv").find("lab,somewhere,abc,MIT"), std::string::npos);
  EXPECT_EQ(run_limen({"import", "--published", from}).code, 2);
  EXPECT_EQ(run_limen({"import", "--published", from, "x.json", "-o", to}).code, 2);
  EXPECT_EQ(run_limen({"import", "--published", from + "-absent", "-o", to}).code, 2);
}

TEST(Predict, SaysWhatIsKnownOfAMachineByAnyName) {
  const Finished run = run_limen({"predict", "--machine", "h200-sxm", "--model", "llama-3.1-8b",
                                  "--engine", "vllm", "--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  const auto c = nlohmann::json::parse(run.out)[0];
  EXPECT_EQ(c["machine"], "h200-sxm-141gb");
  EXPECT_EQ(c["evidence"]["memory.bandwidth"], "datasheet");
  EXPECT_EQ(c["evidence"]["linear.bf16.efficiency"], "pooled");
  EXPECT_EQ(c["evidence"]["engine.layer"], "pooled");
  EXPECT_TRUE(c["calibrated"]);
  EXPECT_LT(c["utps"], c["utps_ideal"]);
  const Finished text =
      run_limen({"predict", "--machine", "H100 SXM", "--model", "Llama-2-7B", "--engine", "vllm"});
  EXPECT_NE(text.out.find("fitted       "), std::string::npos);
  EXPECT_EQ(
      run_limen({"predict", "--machine", "h100", "--model", "llama-3.1-8b", "--engine", "x"}).code,
      2);
}

// The committed laws are what the committed tables give, to the digits that compilers agree in.
TEST(Published, LawsAreRegenerated) {
  const std::string root = LIMEN_SOURCE_DIR, out = testing::TempDir() + "laws.toml";
  const Finished run =
      run_limen({"calibrate", "--published", root + "/results/data/published", "-o", out});
  ASSERT_EQ(run.code, 0) << run.err;
  std::istringstream now(read(out)), kept(read(root + "/model/cards/laws.toml"));
  std::string a, b;
  int lines = 0;
  while (std::getline(kept, b)) {
    ASSERT_TRUE(std::getline(now, a)) << "a law less than in model/cards/laws.toml";
    ++lines;
    const auto value = b.find("value = \"");
    if (value == std::string::npos) {
      if (b.rfind("scatter", 0) != 0) {
        ASSERT_EQ(a, b) << "line " << lines;
      }
      continue;
    }
    ASSERT_EQ(a.substr(0, value), b.substr(0, value)) << "line " << lines;
    auto number = [&](const std::string& line) {
      return std::strtod(line.c_str() + value + 9, nullptr);
    };
    EXPECT_NEAR(number(a), number(b), 0.02 * number(b)) << "line " << lines << ": " << b;
  }
  EXPECT_FALSE(std::getline(now, a));
}

}  // namespace
}  // namespace limen::tests
