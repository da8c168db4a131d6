// A verification that lets a planted bug pass is worth nothing: every mutant is refused.
#include <gmock/gmock.h>

#include "mutants.hpp"
#include "tests/kernels/cuda/checks.hpp"

namespace limen::gpu {
namespace {

class Mutants : public testing::TestWithParam<Mutant> {};

// On a GPU threads run in no fixed order; here one of three orders must show the bug.
TEST_P(Mutants, AreRefused) {
  std::string wrong;
  for (const auto order :
       {fiber::Order::forward, fiber::Order::reversed, fiber::Order::scattered}) {
    if (!wrong.empty()) break;
    HostBackend backend(small_devices(order), &GetParam().kernels());
    try {
      wrong = checks().at(GetParam().family)(backend);
    } catch (const DeviceError& e) {  // it never ended: as good
      wrong = e.what();
    }
  }
  EXPECT_NE(wrong, "");
  RecordProperty("said", wrong);
}

INSTANTIATE_TEST_SUITE_P(Planted, Mutants, testing::ValuesIn(mutants),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace limen::gpu
