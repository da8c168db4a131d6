// What measurements foretell of one another, on tables whose spread is known.
#include "calibration/published/equivalents.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "calibration/published/cross.hpp"

namespace limen::calibration {
namespace {

// Products by a law of two terms, `factor` times as slow in a laboratory of their own.
std::string products(double factor, const char* source, int columns) {
  std::string text;
  for (int m : {1, 8, 64})
    for (int n : {4096, 8192, 16384})
      text += "A100-SXM4-80GB,made," + std::to_string(m) + "," + std::to_string(n) + "," +
              std::to_string(columns) + ",fp16," +
              std::to_string(factor * (5 + double(n) * columns / 7e5)) + "e-6," + source + ",A\n";
  return text;
}
const std::string head = "device,framework,m,n,k,weight_dtype,time_s,source_id,quality\n";

ErrorStatistics of(const std::vector<PublishedRow>& rows, const std::string& what) {
  for (const CrossRow& c : cross_validate(rows))
    if (c.table == "linear" && c.left_out == what) return c.statistics;
  return {};
}

TEST(Equivalents, RepeatsTellOneAnother) {
  const auto rows =
      rows_of(read_table(head + products(1, "a", 4096) + products(1.06, "a", 4096), "t"));
  const ErrorStatistics s = of(rows, "measured again");
  EXPECT_EQ(s.n, 18u);
  EXPECT_NEAR(s.median, 0.06, 0.004);
  EXPECT_TRUE(std::isnan(s.coverage));
  EXPECT_EQ(of(rows, "another source").n, 0u);
}

TEST(Equivalents, LaboratoriesThatDifferSayByHowMuch) {
  // Other shapes, a quarter larger: the law carries one to the other.
  const auto rows =
      rows_of(read_table(head + products(1, "a", 4096) + products(1.3, "b", 5120), "t"));
  const ErrorStatistics s = of(rows, "another source");
  EXPECT_EQ(s.n, 18u);
  EXPECT_NEAR(s.median, 0.27, 0.06);  // 1 - 1 / 1.3 one way, 0.3 the other
  EXPECT_NEAR(s.bias, 0, 0.3);
  EXPECT_EQ(of(rows, "measured again").n, 0u);
}

TEST(Equivalents, ShapesTooFarApartTellNothing) {
  const auto rows =
      rows_of(read_table(head + products(1, "a", 4096) + products(1, "b", 65536 * 4), "t"));
  EXPECT_EQ(of(rows, "another source").n, 0u);
}

TEST(Equivalents, EnginesOnOneCase) {
  auto row = [](const char* engine, int rate) {
    return std::string("H100,") + engine + ",Llama-2-7B,fp16,1,1,128,128,decode," +
           std::to_string(rate) + ",s,A\n";
  };
  const auto rows = rows_of(
      read_table("device,framework,model,weight_format,tp,batch,input_tokens,output_tokens,measure,"
                 "tokens_per_s_user,source_id,quality\n" +
                     row("vLLM", 100) + row("TensorRT-LLM", 125),
                 "t"));
  for (const CrossRow& c : cross_validate(rows))
    if (c.table == "decode, all" && c.left_out == "another engine") {
      EXPECT_EQ(c.statistics.n, 2u);
      EXPECT_NEAR(c.statistics.mean, (0.25 + 0.2) / 2, 1e-9);
      return;
    }
  FAIL() << "no row of another engine";
}

}  // namespace
}  // namespace limen::calibration
