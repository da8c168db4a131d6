// The figures of arXiv 2507.14397 that are published, under its own way of counting, to the printed
// digit.
#include <cmath>

#include <gtest/gtest.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/prediction.hpp"

namespace limen::model {
namespace {

double paper_utps(const char* model, const char* machine, double context, int tp) {
  const Transformer t = cards::find_model(model);
  const Case c{&t, {1, context, Format::fp8, Format::fp8}, {.tp = tp}, Conventions::paper()};
  return predict(cards::find_machine(machine), c).utps_ideal;
}

TEST(Conventions, Llama405OnHbm3) {
  EXPECT_EQ(std::round(paper_utps("llama-3.1-405b", "xpu-hbm3", 4096, 8)), 86);
  EXPECT_EQ(std::round(paper_utps("llama-3.1-405b", "xpu-hbm3", 4096, 32)), 290);
  EXPECT_EQ(std::round(paper_utps("llama-3.1-405b", "xpu-hbm3", 4096, 128)), 776);
}

TEST(Conventions, TheDefaultIsExactAndDiffers) {
  const Transformer t = cards::find_model("llama-3.1-405b");
  const Case exact{&t, {1, 4096, Format::fp8, Format::fp8}, {.tp = 128}};
  EXPECT_NE(std::round(predict(cards::find_machine("xpu-hbm3"), exact).utps_ideal), 776);
}

}  // namespace
}  // namespace limen::model
