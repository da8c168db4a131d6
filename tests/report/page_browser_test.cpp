// The report page in a real browser: opened from disk, moved by keyboard, held against the program.
#include <cstring>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"

namespace limen::tests {
namespace {

TEST(PageInABrowser, AnswersLikeTheProgramAndKeepsHostileTextHarmless) {
  if (std::strlen(LIMEN_NODE) == 0) GTEST_SKIP() << "node (package nodejs) is not installed";
  if (std::strlen(LIMEN_CHROMIUM) == 0) GTEST_SKIP() << "chromium is not installed";
  const auto r =
      run_program(LIMEN_NODE, {"node", std::string(LIMEN_SOURCE_DIR) + "/tests/report/browser.mjs",
                               LIMEN_CHROMIUM, LIMEN_EXECUTABLE, LIMEN_SOURCE_DIR});
  EXPECT_EQ(r.code, 0) << r.out << r.err;
  std::printf("%s", r.out.c_str());
}

}  // namespace
}  // namespace limen::tests
