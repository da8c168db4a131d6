// Runs a check once for every SIMD target that was compiled and that this CPU has.
#pragma once

#include <hwy/targets.h>

namespace limen::tests {

template <class Check>
void for_every_target(Check&& check) {
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    check(hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace limen::tests
