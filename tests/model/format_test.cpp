// What formats weigh, and which peak and law of a machine they run under.
#include "model/format.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/prediction.hpp"

namespace limen::model {
namespace {

TEST(Format, BytesAWeightByHand) {
  EXPECT_EQ(weight_bytes(Format::fp32), 4);
  EXPECT_EQ(weight_bytes(Format::bf16), 2);
  EXPECT_EQ(weight_bytes(Format::fp8), 1);
  // A block of 128 x 128: 16,384 bytes and a scale of 4.
  EXPECT_EQ(weight_bytes(Format::fp8_block), 16388.0 / 16384);
  // Groups of 128: 128 bytes and a scale of 2; 64 bytes and 2; with AWQ's zero point 64.5 and 2.
  EXPECT_EQ(weight_bytes(Format::int8), 130.0 / 128);
  EXPECT_EQ(weight_bytes(Format::int4), 66.0 / 128);
  EXPECT_EQ(weight_bytes(Format::awq), 66.5 / 128);
  // Groups of 32: 16 bytes and a scale of 2, or of 1; of 16: 8 bytes and 1.
  EXPECT_EQ(weight_bytes(Format::int4_g32), 18.0 / 32);
  EXPECT_EQ(weight_bytes(Format::mxfp4), 17.0 / 32);
  EXPECT_EQ(weight_bytes(Format::nvfp4), 9.0 / 16);
}

TEST(Format, NamesStandInTheOrderOfTheEnumeration) {
  EXPECT_STREQ(name(Format::fp32), "fp32");
  EXPECT_STREQ(name(Format::fp4), "fp4");
  EXPECT_STREQ(name(Format::fp8_block), "fp8-block");
  EXPECT_STREQ(name(Format::awq), "awq");
  EXPECT_STREQ(name(Format::nvfp4), "nvfp4");
  EXPECT_EQ(std::size(format_facts), static_cast<std::size_t>(Format::nvfp4) + 1);
}

TEST(Format, ClassesOfAMachineAreFewAndComeFirst) {
  // Tables of a machine are indexed by them.
  for (std::size_t i = 0; i < formats.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(formats[i]), i);
    EXPECT_EQ(facts(formats[i]).family, formats[i]);
  }
  for (Format f : weight_formats) {
    EXPECT_NE(std::find(formats.begin(), formats.end(), facts(f).family), formats.end()) << name(f);
  }
}

Machine machine_with(std::initializer_list<std::pair<Format, double>> peaks) {
  Machine m;
  m.memory_bandwidth =
      Parameter<BytesPerSecond>::exact(terabytes_per_second(1.0), Evidence::hypothetical, "test");
  for (const auto& [format, teraflops] : peaks) {
    m.compute[static_cast<int>(format)] = Parameter<FlopsPerSecond>::exact(
        teraflops_per_second(teraflops), Evidence::hypothetical, "test");
  }
  return m;
}
double peak(const Machine& m, Format f) {
  return matrix_peak(m, f)->value.in(teraflops_per_second);
}

TEST(Format, PeaksFallBackInOrder) {
  const Machine all = machine_with({{Format::fp32, 1},
                                    {Format::bf16, 2},
                                    {Format::fp8, 3},
                                    {Format::int8, 4},
                                    {Format::int4, 5},
                                    {Format::fp4, 6}});
  EXPECT_EQ(peak(all, Format::mxfp4), 6);
  EXPECT_EQ(peak(all, Format::nvfp4), 6);
  EXPECT_EQ(peak(all, Format::fp8_block), 3);
  EXPECT_EQ(peak(all, Format::int4), 5);
  EXPECT_EQ(peak(all, Format::int4_g32), 5);
  EXPECT_EQ(peak(all, Format::awq), 2);  // activations stay at 16 bits
  const Machine hopper = machine_with({{Format::bf16, 2}, {Format::fp8, 3}, {Format::int8, 4}});
  EXPECT_EQ(peak(hopper, Format::mxfp4), 3);
  EXPECT_EQ(peak(hopper, Format::int4), 2);
  const Machine ampere = machine_with({{Format::bf16, 2}, {Format::int8, 4}});
  EXPECT_EQ(peak(ampere, Format::nvfp4), 2);
  EXPECT_EQ(peak(ampere, Format::fp8_block), 2);
  EXPECT_EQ(peak(machine_with({{Format::fp32, 1}}), Format::nvfp4), 1);
  EXPECT_EQ(matrix_peak(Machine{}, Format::nvfp4), nullptr);
}

TEST(Format, SmallFloatsWithoutALawBorrowThatOfIntegersAsWide) {
  Machine m = machine_with({{Format::fp32, 1}, {Format::int4, 2}});
  EXPECT_EQ(law_class(m, Format::mxfp4), Format::int4);
  EXPECT_EQ(law_class(m, Format::fp8_block), Format::int8);
  EXPECT_EQ(law_class(m, Format::awq), Format::int4);
  m.law(Format::int4).unpack =
      Parameter<Seconds>::exact(picoseconds(3.0), Evidence::fitted, "test");
  m.law(Format::int4).rate =
      Parameter<FlopsPerSecond>::exact(teraflops_per_second(1.9), Evidence::fitted, "test");
  Workload w{1, 100, Format::mxfp4, Format::bf16};
  const auto linear = [&] { return rates(m, w, {}, {}).part(Part::linear); };
  EXPECT_DOUBLE_EQ(linear().unpack.in(picoseconds), 3);
  // The integer units' rate is above the peak of what multiplies floats, and is not lent.
  EXPECT_EQ(linear().rate.in(teraflops_per_second), 1);
  w.weights = Format::int4;
  EXPECT_EQ(linear().rate.in(teraflops_per_second), 1.9);
  w.weights = Format::mxfp4;
  m.law(Format::nvfp4).unpack =
      Parameter<Seconds>::exact(picoseconds(5.0), Evidence::fitted, "test");
  EXPECT_DOUBLE_EQ(linear().unpack.in(picoseconds), 5);  // its own
}

TEST(Format, AHeadInAFormatOfItsOwnRunsUnderItsOwnLaw) {
  const Transformer t = cards::find_model("llama-3.1-8b");
  Workload w{1, 4096, Format::awq, Format::bf16};
  const Demand same = demand<double>(t, w, {});
  EXPECT_EQ(same.part(Part::apart).weights, 0);
  w.head = Format::bf16;
  const Demand d = demand<double>(t, w, {});
  const double head = 128256.0 * 4096;
  EXPECT_EQ(d.part(Part::apart).weights, head);
  EXPECT_EQ(d.part(Part::apart).work.read.in(bytes), 2 * head);
  EXPECT_EQ(d.part(Part::apart).operators, 1);
  EXPECT_EQ(d.part(Part::linear).weights + head, same.part(Part::linear).weights);
  EXPECT_EQ(d.part(Part::linear).operators + 1, same.part(Part::linear).operators);
  // Both tables are held.
  EXPECT_NEAR((d.weights_held - same.weights_held).in(bytes),
              2 * head * (2 - weight_bytes(Format::awq)), 1);

  Machine m = machine_with({{Format::bf16, 100}});
  m.law(Format::int4).fixed = Parameter<Seconds>::exact(microseconds(1.0), Evidence::fitted, "t");
  m.law(Format::bf16).fixed = Parameter<Seconds>::exact(microseconds(7.0), Evidence::fitted, "t");
  const auto p = predict(m, {&t, w, {}});
  // 32 layers of 4 matrices and the attention, and the head.
  EXPECT_NEAR(p.step.fixed.in(microseconds), 32 * 5 * 1 + 7, 1e-9);
  EXPECT_GT(p.step.apart.in(seconds), 2 * head / 1e12 * 0.999);
}

// What a checkpoint holds, from its shape, beside the size of the published files.
TEST(Format, NativeCheckpointsAreAsLargeAsThePublishedFiles) {
  const auto bytes_of = [](const char* name) {
    const Transformer t = cards::find_model(name);
    EXPECT_EQ(t.native_unknown, "") << name;
    return t.checkpoint_bytes(t.native);
  };
  // 60.8 and 12.8 GiB by the model card of gpt-oss; biases of experts, 0.07 GiB, are not counted.
  EXPECT_NEAR(bytes_of("gpt-oss-120b") / 1073741824, 60.8, 0.15);
  EXPECT_NEAR(bytes_of("gpt-oss-20b") / 1073741824, 12.8, 0.1);
  EXPECT_NEAR(bytes_of("llama-3.1-8b"), 2 * 8.030e9, 0.001e9 * 2);
}

}  // namespace
}  // namespace limen::model
