// How libraries take the time of an all-reduce: which of their ways is the fastest, and when.
#include "model/cards/all_reduce_law.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "model/cards/laws.hpp"
#include "model/cards/machine_card.hpp"
#include "model/resolve.hpp"

namespace limen::cards {
namespace {

constexpr Fabric plain{300e9, 2e12, false}, adding{300e9, 2e12, true};

AllReduceLaw nccl() { return all_reduce_law("nccl", {5e-6, 1e-6, 0.5, 0.75, 0.6}); }

TEST(AllReduceLaw, BeginsWithItsStepsAndEndsAtTheLinks) {
  for (double p : {2.0, 4.0, 8.0}) {
    EXPECT_NEAR(all_reduce_seconds(nccl(), plain, p, 0), 5e-6 + 2 * (p - 1) * 1e-6, 1e-12);
    const double large = 1e12;
    EXPECT_NEAR(all_reduce_seconds(nccl(), plain, p, large) / (2 * (p - 1) / p * large / 225e9), 1,
                0.01);
  }
}

TEST(AllReduceLaw, OnlyASwitchThatAddsSparesCrossingsAndNotBetweenTwo) {
  const double b = 1e9;
  EXPECT_EQ(all_reduce_seconds(nccl(), adding, 2, b), all_reduce_seconds(nccl(), plain, 2, b));
  EXPECT_LT(all_reduce_seconds(nccl(), adding, 8, b),
            0.8 * all_reduce_seconds(nccl(), plain, 8, b));
}

TEST(AllReduceLaw, OwnKernelsCarryTheSmallAndTheCollectiveTheLarge) {
  const std::vector<double> values = {5e-6, 1e-6, 0.5, 0.75, 0.6, 3e-6, 0.1, 0.6};
  const AllReduceLaw fused = all_reduce_law("fused", values),
                     graph = all_reduce_law("graph", values);
  EXPECT_NEAR(all_reduce_seconds(fused, plain, 2, 0), 3e-6, 1e-12);
  EXPECT_EQ(all_reduce_seconds(fused, plain, 8, 1e9), all_reduce_seconds(nccl(), plain, 8, 1e9));
  // Two shots pay between one, whose bytes grow with the devices, and the collective.
  EXPECT_EQ(all_reduce_seconds(graph, plain, 8, 16e3), all_reduce_seconds(fused, plain, 8, 16e3));
  EXPECT_LT(all_reduce_seconds(graph, plain, 8, 1e6),
            0.8 * all_reduce_seconds(fused, plain, 8, 1e6));
}

TEST(AllReduceLaw, TheHostHidesBehindLargeMessagesAndBehindNothingElse) {
  const std::vector<double> values = {5e-6, 1e-6, 0.5, 0.75, 0.6, 40e-6};
  const AllReduceLaw law = all_reduce_law("framework", values);
  EXPECT_NEAR(all_reduce_seconds(law, plain, 2, 8) / 40e-6, 1, 0.01);
  EXPECT_NEAR(all_reduce_seconds(law, plain, 2, 1e9) / all_reduce_seconds(nccl(), plain, 2, 1e9), 1,
              1e-3);
  // The eager one copies its message through memory.
  const AllReduceLaw eager =
      all_reduce_law("eager", {5e-6, 1e-6, 0.5, 0.75, 0.6, 3e-6, 0.1, 0.6, 40e-6});
  EXPECT_NEAR(all_reduce_seconds(eager, plain, 2, 1e9) - all_reduce_seconds(law, plain, 2, 1e9),
              2 * 1e9 / (0.9 * 2e12), 1e-5);
}

// A machine has the law as straight pieces.
TEST(AllReduceLaw, PiecesOfAMachineFollowIt) {
  const Laws& laws = built_in_laws();
  for (const char* name : {"h100-sxm5-80gb", "a100-sxm4-80gb", "b200-sxm-180gb", "l40s"})
    for (const char* library : {"nccl", "graph", "fused"}) {
      const model::Machine card = find_machine(name), m = with_kernels(card, laws, library);
      const Device& device = *find_device(name);
      const Law* law =
          laws.find("all_reduce", library, device.card, relatives(device, card, "all_reduce"));
      std::vector<double> values;
      for (const auto& p : all_reduce_parameters(library)) values.push_back(law->of(p.name).value);
      const Fabric fabric{card.sync_tp_bandwidth->value.in(model::bytes_per_second),
                          card.memory_bandwidth->value.in(model::bytes_per_second),
                          switch_adds(device, card)};
      for (int p : {2, 4, 8}) {
        for (double b = 1024; b < 2e9; b *= 1.7) {
          const auto piece =
              model::collective_law(m, model::Exchange::all_reduce, p, model::bytes(b));
          const double time = piece.alpha.in(model::seconds) +
                              (piece.beta * model::bytes(b)).in(model::seconds),
                       exact = all_reduce_seconds(all_reduce_law(library, values), fabric, p, b);
          EXPECT_NEAR(time / exact, 1, 0.15) << name << " " << library << " " << p << " " << b;
        }
      }
      for (const auto& piece : m.all_reduce) {
        EXPECT_GE(piece.alpha.low.in(model::seconds), 0);
        EXPECT_LE(piece.alpha.low, piece.alpha.value);
        EXPECT_LE(piece.alpha.value, piece.alpha.high);
        EXPECT_GT(piece.beta.low.in(model::seconds_per_byte), 0);
      }
    }
}

}  // namespace
}  // namespace limen::cards
