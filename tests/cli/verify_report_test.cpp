// Which visits of a decode step a prediction is held against, and with which memory.
#include <gtest/gtest.h>

#include "cli/verify_report.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"

namespace limen::cli {
namespace {

constexpr double usual = 90e9, peak = 2e12;  // read loop, multiply-adds of the calibration

class Verified : public testing::Test {
 protected:
  static model::Machine machine() {
    const auto one = [](const char* key, const char* value) {
      return std::string(key) + " = { value = \"" + value +
             "\", evidence = \"measured\", source = \"made\" }\n";
    };
    return cards::read_machine(
        "schema = 1\nname = \"made\"\n[memory]\n" + one("bandwidth", "100 GB/s") +
            one("efficiency", "0.9") + "[compute]\n" + one("bf16", "2 TFLOP/s") +
            one("scalar", "2 TFLOP/s") + "[linear.bf16]\n" + one("efficiency", "0.8"),
        "made.toml");
  }
  static probes::DecodeVisit visit(double read_rate, double seconds, double multiply_rate = peak) {
    probes::DecodeVisit v;
    v.read_rate = read_rate;
    v.multiply_rate = multiply_rate;
    for (int i = 0; i < 5; ++i) {
      v.samples.emplace_back();
      v.samples.back()[0] = seconds;
    }
    return v;
  }
  VerifiedCase held_against(const probes::DecodeTimes& times) const {
    const auto t = cards::find_model("llama-3.2-1b");
    probes::DecodeOrder order;
    order.points = {{1, 1024}};
    order.shape.layers.resize(2);
    return verified({machine()}, t, model::Format::bf16, order, 0, 1, times);
  }
  double predicted() const { return held_against({}).predicted; }
};

TEST_F(Verified, VisitsWithTheMemoryOfTheCalibrationCountAlone) {
  const auto c = held_against({visit(usual, 0.030), visit(1.2 * usual, 0.020)});
  EXPECT_TRUE(c.as_calibrated());
  EXPECT_EQ(c.memory_scale, 1);
  EXPECT_EQ(c.other_memory, 1u);
  EXPECT_EQ(c.measured.n, 5u);
  EXPECT_DOUBLE_EQ(c.measured.median, 0.030);
  EXPECT_DOUBLE_EQ(c.predicted, predicted());
}

TEST_F(Verified, WithoutThemTheMemoryIsScaledToWhatItWas) {
  const auto c = held_against(
      {visit(1.20 * usual, 0.020), visit(1.24 * usual, 0.021), visit(0.85 * usual, 0.050)});
  EXPECT_TRUE(c.timed());
  EXPECT_FALSE(c.as_calibrated());
  EXPECT_NEAR(c.memory_scale, 1.22, 1e-9);
  EXPECT_EQ(c.other_memory, 3u);
  EXPECT_EQ(c.measured.n, 10u);
  EXPECT_LT(c.predicted, 0.85 * predicted());
  EXPECT_DOUBLE_EQ(c.low, c.predicted);
  EXPECT_DOUBLE_EQ(c.high, predicted()) << "at worst the faster memory helps nothing";
  // Of what the memory gave, not of what it gave when it was calibrated.
  EXPECT_NEAR(c.share_of_limit(), c.bytes / c.measured.median / (1.22 * usual), 1e-9);
}

TEST_F(Verified, AnotherKindOfMachineTellsNothing) {
  EXPECT_FALSE(held_against({visit(2.1 * usual, 0.015)}).timed());
  EXPECT_FALSE(held_against({visit(0.45 * usual, 0.08)}).timed());
  const auto shared = held_against({visit(usual, 0.06, 0.5 * peak)});
  EXPECT_FALSE(shared.timed());
  EXPECT_EQ(shared.other_cores, 1u);
  EXPECT_EQ(shared.memory_scale, 1);
  EXPECT_TRUE(held_against({visit(usual, 0.03, 0)}).timed()) << "0: not known";
}

TEST_F(Verified, ErrorsAreCountedByKindOfMemory) {
  const double p = predicted();
  const std::vector<VerifiedCase> cases{
      held_against({visit(usual, p / 1.02)}), held_against({visit(usual, p / 1.10)}),
      held_against({visit(0.85 * usual, p)}), held_against({visit(0.1 * usual, p)})};
  const auto strict = errors_of(cases, Memory::as_calibrated),
             scaled = errors_of(cases, Memory::scaled);
  EXPECT_EQ(strict.n, 2u);
  EXPECT_NEAR(strict.median, 0.06, 1e-9);
  EXPECT_NEAR(strict.worst, 0.10, 1e-9);
  EXPECT_EQ(scaled.n, 1u);
  EXPECT_NEAR(scaled.worst, cases[2].error(), 1e-9);
  const auto text = verified_text(cases);
  EXPECT_NE(text.find("As calibrated: 2 cases, median error 6.00 %"), std::string::npos) << text;
  EXPECT_NE(text.find("With the memory as fast as beside the step: 1 cases"), std::string::npos);
  EXPECT_NE(text.find("76.5 GB/s (0.85x)"), std::string::npos);
  EXPECT_NE(text.find("1 cases tell nothing"), std::string::npos);
}

}  // namespace
}  // namespace limen::cli
