// Laws from tables: what they recover, what they refuse, and what they say of the unmeasured.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <sstream>

#include "calibration/published/blind.hpp"
#include "calibration/published/cross.hpp"
#include "calibration/published/fit.hpp"
#include "calibration/published/validate.hpp"
#include "model/cards/machine_card.hpp"
#include "model/error.hpp"
#include "model/prediction.hpp"

namespace limen::calibration {
namespace {

std::string error_of(const std::string& text) {
  try {
    rows_of(read_table(text, "t.csv"));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Table, NamesTheLineOfWhatIsWrong) {
  const std::string head = "device,m,n,k,time_s\n";
  EXPECT_EQ(error_of(head + "H100,1,2,3,1e-5\n"), "");
  EXPECT_NE(error_of(head + "H100,1,2,3,1e-5\nH100,1,2,3\n").find("t.csv:3"), std::string::npos);
  EXPECT_NE(error_of(head + "H100,1,2,x,1e-5\n").find("t.csv:2: k: 'x'"), std::string::npos);
  EXPECT_NE(error_of(head + "H100,1,2,3,nan\n").find("t.csv:2: time_s"), std::string::npos);
  EXPECT_NE(error_of(head + "H100,1,2,3,0\n").find("above zero"), std::string::npos);
  EXPECT_NE(error_of(head + "H100,1,2,3,-1\n").find("above zero"), std::string::npos);
  EXPECT_NE(error_of(head + "H100,1,2,3,1e999\n").find("t.csv:2: time_s"), std::string::npos);
  EXPECT_NE(error_of(head + "\"H100,1,2,3,1\n").find("never closed"), std::string::npos);
  EXPECT_NE(error_of("a,b\n1,2\n").find("no table that is known"), std::string::npos);
  EXPECT_NE(error_of("m,m\n").find("twice"), std::string::npos);
  EXPECT_NE(error_of("").find("empty"), std::string::npos);
  EXPECT_NE(error_of("device,tokens_per_s_user\nH100,\n").find("t.csv:2"), std::string::npos);
}

TEST(Table, ReadsQuotesAndKeepsLines) {
  const Table t = read_table("# a comment\na,b\n\"x, \"\"y\"\"\n z\",2\r\n3,4\n", "t");
  ASSERT_EQ(t.rows.size(), 2u);
  EXPECT_EQ(t.rows[0].cells[0], "x, \"y\"\n z");
  EXPECT_EQ(t.rows[1].line, 5);
  EXPECT_EQ(read_table("a\n" + quoted_cell(t.rows[0].cells[0]) + "\n", "t").rows[0].cells[0],
            t.rows[0].cells[0]);
}

TEST(Rows, UnknownNamesAreAProblemOfTheirRowAlone) {
  const auto rows =
      rows_of(read_table("device,model,weight_format,tp,batch,tokens_per_s_user\n"
                         "H100,Llama-2-7B,fp16,1,1,100\n"
                         "Abacus,Llama-2-7B,fp16,1,1,100\n"
                         "H100,Eliza,fp16,1,1,100\n",
                         "t"));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].problem, "");
  EXPECT_NE(rows[1].problem.find("Abacus"), std::string::npos);
  EXPECT_NE(rows[2].problem.find("Eliza"), std::string::npos);
}

// Groups whose parameter is drawn about a common mean: t = a * x, observed with noise.
MeasuredGroup made_group(double a, int n, unsigned seed) {
  MeasuredGroup g;
  g.name = "g" + std::to_string(seed);
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 0.1);
  std::vector<double> x;
  for (int i = 0; i < n; ++i) {
    x.push_back(1 + i);
    g.observed.push_back(a * x.back() * std::exp(noise(random)));
  }
  g.predict = [x](const std::vector<double>& v, std::vector<double>& t) {
    for (std::size_t i = 0; i < x.size(); ++i) t[i] = v[0] * x[i];
  };
  return g;
}

TEST(Hierarchy, WeakGroupsLeanOnTheirRelatives) {
  const std::vector<Coordinate> one = {{"a", Scale::positive, 1, 2, 0.2}};
  std::vector<MeasuredGroup> groups;
  for (unsigned i = 0; i < 6; ++i) groups.push_back(made_group(0.95 + 0.02 * i, 40, i + 1));
  MeasuredGroup weak = made_group(3, 1, 99);
  groups.push_back(weak);
  const Hierarchy h = fit_hierarchy(one, groups);
  EXPECT_NEAR(std::exp(h.groups[0].mean[0]), 0.95, 0.06);
  const double apart = h.groups.back().mean[0] - h.mean[0];
  EXPECT_GT(apart, 0);
  EXPECT_LT(apart, std::log(weak.observed[0]) - h.mean[0]);  // shrunken
  EXPECT_GT(h.groups.back().deviation[0], h.groups[0].deviation[0]);
  EXPECT_GT(h.deviation[0], h.groups[0].deviation[0]);  // an unmeasured group is known least
  EXPECT_EQ(h.value(0, h.mean[0], h.deviation[0]).value,
            fit_hierarchy(one, groups).value(0, h.mean[0], h.deviation[0]).value);
}

TEST(Hierarchy, FractionsStayFractions) {
  const std::vector<Coordinate> one = {{"a", Scale::fraction, 0.8, 0.5, 0.3}};
  const Hierarchy h = fit_hierarchy(one, {made_group(1.4, 40, 3)});  // faster than possible
  const auto v = h.value(0, h.groups[0].mean[0], h.groups[0].deviation[0]);
  EXPECT_LT(v.value, 1);
  EXPECT_LE(v.high, 1);
}

// A table of products on two devices by a known law.
std::string made_products(double efficiency, double fixed, const char* quality = "A",
                          const char* source = "made") {
  std::string text = "device,framework,m,n,k,weight_dtype,time_s,source_id,quality\n";
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 0.01);
  for (const char* device : {"A100-SXM4-80GB", "H100-SXM5-80GB"})
    for (int m : {1, 8, 64, 512, 4096})
      for (int n : {4096, 8192, 28672})
        for (int k : {4096, 8192}) {
          PublishedRow r;
          r.kind = RowKind::product;
          r.variant = "bf16";
          r.m = m, r.n = n, r.k = k, r.weight_bytes = 2;
          const double t = predicted_seconds(r, sheet_of(*cards::find_device(device)),
                                             {efficiency, fixed, 0.7, 2.5, 1e-5});
          text += std::string(device) + ",made," + std::to_string(m) + "," + std::to_string(n) +
                  "," + std::to_string(k) + ",fp16," +
                  std::to_string(1e6 * t * std::exp(noise(random))) + "e-6," + source + "," +
                  quality + "\n";
        }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

const auto everything = [](const PublishedRow&) { return true; };

TEST(Fit, RecoversAMadeLaw) {
  const auto rows = rows_of(read_table(made_products(0.8, 6e-6), "t"));
  const PublishedFit fit = fit_published(rows, everything);
  const cards::Law* law = fit.laws.find("linear", "bf16", "a100-sxm4-80gb", {});
  ASSERT_TRUE(law);
  EXPECT_NEAR(law->of("efficiency").value, 0.8, 0.02);
  EXPECT_NEAR(law->of("fixed").value, 6e-6, 5e-7);
  EXPECT_NEAR(law->of("rate").value, 0.7, 0.03);
  EXPECT_LT(law->of("efficiency").low, 0.8);
  EXPECT_GT(law->of("efficiency").high, 0.8);
  EXPECT_LT(law->scatter, 0.08);
  const cards::Law* relatives = fit.laws.find("linear", "bf16", "", {"nvidia"});
  EXPECT_GT(relatives->of("efficiency").high - relatives->of("efficiency").low,
            law->of("efficiency").high - law->of("efficiency").low);
}

TEST(Fit, AnotherLaboratoryMayMissByAsMuchAsTheseTwoDo) {
  auto both = [](double efficiency) {
    const std::string other = made_products(efficiency, 6e-6, "A", "other");
    return fit_published(
        rows_of(read_table(made_products(0.8, 6e-6) + other.substr(other.find('\n') + 1), "t")),
        everything);
  };
  auto scatter = [](const PublishedFit& fit) {
    return fit.laws.find("linear", "bf16", "h100-sxm5-80gb", {})->scatter;
  };
  const double agree = scatter(both(0.8)), differ = scatter(both(0.56));
  EXPECT_LT(agree, 0.08);
  EXPECT_GT(differ, 0.15);  // where memory binds they differ by 30 %
}

TEST(Fit, AKernelThatNobodyMeasuredIsExpectedLikeThe16BitOne) {
  const PublishedFit fit =
      fit_published(rows_of(read_table(made_products(0.8, 6e-6), "t")), everything);
  const auto known = fit.laws.find("linear", "bf16", "", {})->of("efficiency");
  const cards::Law* unknown = fit.laws.find("linear", "fp8", "", {});
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->points, 0);
  EXPECT_NEAR(unknown->of("efficiency").value, known.value, 1e-6);
  EXPECT_GT(unknown->of("efficiency").high - unknown->of("efficiency").low, known.high - known.low);
  EXPECT_FALSE(fit.laws.find("all_reduce", "nccl", "", {}));  // of no kind that was measured
}

TEST(Fit, LeavesOutQualityCAndRefusesTheImpossible) {
  EXPECT_TRUE(fit_published(rows_of(read_table(made_products(0.8, 6e-6, "C"), "t")), everything)
                  .laws.find("linear", "bf16", "a100-sxm4-80gb", {}) == nullptr);
  std::string text = made_products(0.8, 6e-6);
  text += "H100,made,1,28672,8192,fp16,1e-6,made,A\n";  // 140 times the bandwidth
  const PublishedFit fit = fit_published(rows_of(read_table(text, "t")), everything);
  ASSERT_EQ(fit.refused.size(), 1u);
  EXPECT_NE(fit.refused[0].find("line 62"), std::string::npos);
  EXPECT_NEAR(fit.laws.find("linear", "bf16", "h100-sxm5-80gb", {})->of("efficiency").value, 0.8,
              0.02);
}

TEST(Fit, SaysWhatADataSetCannotTell) {
  std::string text = "device,framework,m,n,k,weight_dtype,time_s,source_id,quality\n";
  for (int n : {4096, 8192, 16384})  // memory binds in all: nothing tells the rate of arithmetic
    text += "H100,made,1," + std::to_string(n) + ",8192,fp16," +
            std::to_string(n * 8192 * 2 / 2.7e6) + "e-6,made,A\n";
  const PublishedFit fit = fit_published(rows_of(read_table(text, "t")), everything);
  ASSERT_FALSE(fit.unidentified.empty());
  EXPECT_NE(fit.unidentified[0].find("rate"), std::string::npos);
}

PublishedRow decode_row(const std::string& row) {
  return rows_of(
      read_table("device,framework,model,weight_format,tp,batch,input_tokens,output_tokens,"
                 "tokens_per_s_user\n" +
                     row + "\n",
                 "t"))[0];
}

// The law of an engine has two faces: on rows, and on the machine that limen predict uses.
TEST(Evaluate, AgreesWithThePredictionOfTheMachine) {
  const auto& laws = cards::built_in_laws();
  for (const char* text : {"H100,vLLM,Llama-3.1-8B,bf16,1,1,1000,1,100",
                           "A100-SXM4-80GB,TensorRT-LLM,Llama-2-70B,bf16,4,16,1000,1,100",
                           "B200,gpt-fast,Llama-3.1-70B,fp8,2,1,1000,1,100"}) {
    const PublishedRow row = decode_row(text);
    const Evaluation e = Evaluator(laws, true)(row);
    ASSERT_TRUE(e.predicted) << e.reason;
    model::Machine m = cards::with_laws(*sheet_of(*row.device).card, laws, row.variant);
    m.devices = 8;
    const auto p = model::predict(
        m, {&*row.transformer, {row.batch, 1001, row.format, row.kv}, row.partition});
    EXPECT_NEAR(e.value / p.utps, 1, 1e-3) << text;
    EXPECT_LT(e.low, e.value);
    EXPECT_GT(e.high, e.value);
    EXPECT_LE(e.high, e.ideal);
  }
}

TEST(Evaluate, AnEngineNeverBeatsTheHardwareAndTheUnmeasuredIsWider) {
  const auto& laws = cards::built_in_laws();
  for (const char* device : {"H100", "A100", "B200", "MI300X", "L4", "RTX 5090", "GB200", "H20"}) {
    PublishedRow row = decode_row(std::string(device) + ",vLLM,Llama-3.1-8B,bf16,1,1,128,128,1e9");
    row.speculative = false;
    const Evaluation ideal = Evaluator(laws, true, "ideal")(row);
    EXPECT_TRUE(ideal.violates) << device;  // 1e9 tokens/s
    const Evaluation vllm = Evaluator(laws, true)(row), any = Evaluator(laws, true, "unknown")(row);
    EXPECT_LT(vllm.value, ideal.value);
    EXPECT_GT(any.high / any.low, 1.2) << device;
  }
  const PublishedRow row = decode_row("H100,vLLM,Llama-3.1-8B,bf16,1,1,128,128,100");
  const Evaluation own = Evaluator(laws, true)(row), sheet = Evaluator(laws, false)(row);
  EXPECT_GT(sheet.high / sheet.low, own.high / own.low);
}

// Pooled again without a device, laws are nearly those of a fit that never saw it, and what another
// laboratory says of that device changes nothing.
TEST(Evaluate, ADatasheetAloneIsBlindToTheDevice) {
  auto three = [](double third) {
    std::string text = made_products(0.8, 6e-6);
    for (const std::string& line : lines_of(made_products(third, 6e-6)))
      if (line.starts_with("H100")) text += "H200" + line.substr(line.find(',')) + "\n";
    return rows_of(read_table(text, "t"));
  };
  const auto rows = three(0.5);
  const cards::Laws laws = fit_published(rows, everything).laws;
  const cards::Laws blind = laws_without(laws, "h200-sxm-141gb");
  const PublishedFit anew =
      fit_published(rows, [](const PublishedRow& r) { return r.device->card != "h200-sxm-141gb"; });
  for (const char* group : {"nvidia", "hopper", "all"}) {
    const cards::Law *a = blind.find("linear", "bf16", "h200-sxm-141gb", {group}),
                     *b = anew.laws.find("linear", "bf16", "", {group});
    ASSERT_TRUE(a && b);
    EXPECT_TRUE(a->pooled());
    EXPECT_EQ(a->group, group);
    for (const auto& [name, value] : b->parameters) {
      EXPECT_NEAR(a->of(name).value / value.value, 1, 0.02) << group << " " << name;
      EXPECT_NEAR(a->of(name).high / value.high, 1, 0.1) << group << " " << name;
    }
  }
  const auto slow = laws.find("linear", "bf16", "", {"hopper"})->of("efficiency").value,
             without = blind.find("linear", "bf16", "", {"hopper"})->of("efficiency").value;
  EXPECT_GT(without, slow + 0.05);  // it was not blind before
  // Without its only device a generation is not known: its vendor is asked.
  const cards::Laws none = laws_without(blind, "h100-sxm5-80gb");
  EXPECT_EQ(none.find("linear", "bf16", "", {"hopper", "nvidia"})->group, "nvidia");
}

TEST(Evaluate, BlindLawsAreCompleteForEveryDevice) {
  const auto& laws = cards::built_in_laws();
  for (const char* device : {"h100-sxm5-80gb", "a100-sxm4-80gb", "mi250-gcd", "gaudi2", "l40s"}) {
    const cards::Laws blind = laws_without(laws, device);
    for (const cards::Law& l : blind.all) EXPECT_NE(l.device, device);
    for (const char* engine : {"vllm", "trtllm", "unknown"})
      EXPECT_TRUE(blind.find("engine", engine, device, {})) << engine;
    for (const char* library : {"nccl", "graph", "fused"})
      EXPECT_TRUE(blind.find("all_reduce", library, device, {})) << library;
    EXPECT_TRUE(blind.find("linear", "fp8", device, {}));
  }
  EXPECT_FALSE(laws_without(laws, "gaudi2").find("engine", "deepspeed", "gaudi2", {}));
}

TEST(Evaluate, SaysWhyNot) {
  const auto& laws = cards::built_in_laws();
  const Evaluation big = Evaluator(laws, true)(decode_row("L4,vLLM,Llama-2-70B,bf16,1,1,1,1,1"));
  EXPECT_FALSE(big.predicted);
  EXPECT_NE(big.reason.find("does not fit"), std::string::npos);
  EXPECT_NE(Evaluator(laws, true)(decode_row("Abacus,vLLM,Llama-2-7B,bf16,1,1,1,1,1"))
                .reason.find("Abacus"),
            std::string::npos);
}

TEST(Statistics, OfKnownErrors) {
  std::vector<PublishedRow> rows(4);
  std::vector<Judged> judged;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].measured = 10;
    Evaluation e;
    e.predicted = true;
    e.value = 10 + static_cast<double>(i);  // errors 0, 10, 20, 30 %
    e.low = e.value - 1.5;
    e.high = e.value + 1.5;
    judged.push_back({&rows[i], e});
  }
  std::vector<const Judged*> all;
  for (const Judged& j : judged) all.push_back(&j);
  const ErrorStatistics s = statistics_of(all);
  EXPECT_EQ(s.n, 4u);
  EXPECT_NEAR(s.median, 0.15, 1e-12);
  EXPECT_NEAR(s.mean, 0.15, 1e-12);
  EXPECT_NEAR(s.p90, 0.27, 1e-12);
  EXPECT_NEAR(s.bias, 0.15, 1e-12);
  EXPECT_NEAR(s.coverage, 0.5, 1e-12);
}

TEST(Cross, TheHeldOutDeviceIsPredictedFromItsRelatives) {
  // Both devices follow one law, so that each foretells the other.
  const auto rows = rows_of(read_table(made_products(0.8, 6e-6), "t"));
  for (const CrossRow& c : cross_validate(rows)) {
    if (c.table != "linear") continue;
    EXPECT_EQ(c.statistics.n, c.left_out == "the source" ? 0u : 60u) << c.left_out;
    EXPECT_LT(c.statistics.median, 0.05) << c.left_out;
  }
}

}  // namespace
}  // namespace limen::calibration
