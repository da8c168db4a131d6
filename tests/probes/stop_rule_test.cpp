// The stopping rule on made-up sequences: no clock.
#include <gmock/gmock.h>

#include "probes/stop_rule.hpp"

namespace limen::probes {
namespace {

results::Samples visits(std::size_t count, std::size_t samples,
                        double (*value)(std::size_t visit, std::size_t sample)) {
  results::Samples s;
  for (std::size_t v = 0; v < count; ++v) {
    results::Visit visit;
    for (std::size_t i = 0; i < samples; ++i) visit.seconds.push_back(value(v, i));
    s.visits.push_back(visit);
  }
  return s;
}
double steady(std::size_t v, std::size_t i) {
  return 1 + 0.001 * static_cast<double>((v * 7 + i * 3) % 5);
}
double noisy(std::size_t v, std::size_t i) {
  return 1 + 0.5 * static_cast<double>((v * 7 + i * 3) % 5);
}
double drifting(std::size_t v, std::size_t) { return 1 + 0.3 * static_cast<double>(v % 2); }

const StopRule rule({0.02, 10, 4, 5.0});

TEST(StopRule, SettlesOnANarrowInterval) {
  EXPECT_EQ(rule.decide(visits(8, 10, steady), 1), "settled");
}
TEST(StopRule, WantsEnoughSamplesAndVisits) {
  EXPECT_EQ(rule.decide(visits(3, 100, steady), 1), "");
  EXPECT_EQ(rule.decide(visits(4, 2, steady), 1), "");
  EXPECT_EQ(rule.decide({}, 0), "");
}
TEST(StopRule, GoesOnWhileTheIntervalIsWide) {
  EXPECT_EQ(rule.decide(visits(8, 10, noisy), 1), "");
}
TEST(StopRule, IsNotFooledByManySamplesOfVisitsThatDisagree) {
  EXPECT_EQ(rule.decide(visits(4, 200, drifting), 1), "");
}
TEST(StopRule, EndsWhenTheTimeIsUsedUp) {
  EXPECT_EQ(rule.decide(visits(8, 10, noisy), 5), "time budget");
  EXPECT_EQ(rule.decide(visits(8, 10, steady), 9), "settled");
}

}  // namespace
}  // namespace limen::probes
