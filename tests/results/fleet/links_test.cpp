// Exchanges between nodes: the host or the pair that makes them slow is named as far as the runs
// tell, and nobody else.
#include "results/fleet/links.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>

#include "tests/results/made_runs.hpp"

namespace limen::results::fleet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Hosts = std::vector<std::string>;

// A job over hosts; `slow` says by which factor an exchange among these hosts takes longer.
template <class F>
NodeResult job(const Hosts& hosts, std::uint64_t seed, const F& slow) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Run run;
  run.directory = fmt::format("job-{}", seed);
  Provenance& p = run.provenance;
  p.host = hosts.front();
  p.cpu_model = "cpu";
  p.started = p.finished = fmt::format("2026-11-24T09:00:{:02}Z", seed % 60);
  p.hosts = static_cast<int>(hosts.size());
  p.node_hosts = hosts;
  for (std::size_t n = 2; n <= hosts.size(); n *= 2) {
    const double factor =
        slow(Hosts(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(n)));
    for (const std::int64_t bytes : {8, 1024, 1 << 20}) {
      const double seconds = factor *
                             (5e-6 * static_cast<double>(n) + 1e-10 * static_cast<double>(bytes)) *
                             std::exp(0.01 * normal(random));
      const auto count = static_cast<std::int64_t>(n);
      run.measurements.push_back({"mpi.allreduce",
                                  {{"bytes", bytes}, {"nodes", count}, {"ranks", count}},
                                  {},
                                  Samples{{{0.1, 1, {seconds}, {}}}, "settled"}});
    }
  }
  return node_result(run);
}

// Pairs and fours out of twelve hosts, each host in several.
template <class F>
std::vector<SlowLink> found(const F& slow, std::size_t size) {
  FleetBuilder builder;
  std::uint64_t seed = 1;
  for (std::size_t first = 0; first < 12; ++first)
    for (std::size_t step = 1; step <= 3; ++step) {
      Hosts hosts;
      for (std::size_t i = 0; i < size; ++i)
        hosts.push_back(fmt::format("n{}", (first + i * step) % 12));
      builder.add(job(hosts, seed++, slow));
    }
  const Fleet fleet = builder.build();
  return find_slow_links(fleet.groups.at(0));
}

bool has(const Hosts& hosts, const char* host) {
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

TEST(Links, AHostIsNamedThatIsInAllSlowExchangesAndInNoGoodOne) {
  for (const std::size_t size : {2u, 4u}) {
    const auto links = found([](const Hosts& h) { return has(h, "n7") ? 2.0 : 1.0; }, size);
    ASSERT_THAT(links, SizeIs(1)) << size;
    EXPECT_THAT(links[0].hosts, ElementsAre("n7"));
    EXPECT_NEAR(links[0].ratio, 2, 0.1);
    EXPECT_GT(links[0].slow, 5u);
    EXPECT_GT(links[0].others, 20u);
    EXPECT_THAT(describe(links[0]), testing::MatchesRegex("n7: slow in [0-9]+ exchanges .*"));
  }
}

TEST(Links, OneThatOnlyLacksBandwidth) {
  FleetBuilder builder;
  unsigned seed = 1;
  for (unsigned a = 0; a < 5; ++a)
    for (unsigned b = a + 1; b < 5; ++b) {
      NodeResult run = job({fmt::format("n{}", a), fmt::format("n{}", b)}, seed++,
                           [](const Hosts&) { return 1.0; });
      for (auto& [figure, value] : run.figures)
        if ((a == 3 || b == 3) && std::get<std::int64_t>(figure.parameters.at("bytes")) > 65536)
          value *= 3;
      builder.add(std::move(run));
    }
  const auto links = find_slow_links(builder.build().groups.at(0));
  ASSERT_THAT(links, SizeIs(1));
  EXPECT_THAT(links[0].hosts, ElementsAre("n3"));
  EXPECT_NEAR(links[0].ratio, 3, 0.2);
}

TEST(Links, TwoHostsEachForItself) {
  const auto links =
      found([](const Hosts& h) { return has(h, "n2")   ? 3.0
                                        : has(h, "n8") ? 1.5
                                                       : 1.0; }, 2);
  ASSERT_THAT(links, SizeIs(2));
  EXPECT_THAT(links[0].hosts, ElementsAre("n2"));
  EXPECT_THAT(links[1].hosts, ElementsAre("n8"));
}

TEST(Links, APairWhoseHostsAreGoodWithOthers) {
  const auto links =
      found([](const Hosts& h) { return has(h, "n4") && has(h, "n5") ? 2.0 : 1.0; }, 4);
  ASSERT_THAT(links, SizeIs(1));
  EXPECT_THAT(links[0].hosts, ElementsAre("n4", "n5"));
  EXPECT_TRUE(links[0].between);
  EXPECT_EQ(describe(links[0]).rfind("between n4, n5: slow in ", 0), 0u);
}

TEST(Links, WhoCannotBeToldApartIsNamedTogether) {
  FleetBuilder builder;  // pairs that share no host
  for (int i = 0; i < 8; ++i)
    builder.add(job({fmt::format("a{}", i), fmt::format("b{}", i)}, 100u + static_cast<unsigned>(i),
                    [i](const Hosts&) { return i == 3 ? 2.0 : 1.0; }));
  const auto links = find_slow_links(builder.build().groups.at(0));
  ASSERT_THAT(links, SizeIs(1));
  EXPECT_THAT(links[0].hosts, ElementsAre("a3", "b3"));
  EXPECT_FALSE(links[0].between);
  EXPECT_EQ(describe(links[0]).rfind("one of a3, b3: slow in 1 exchange that", 0), 0u);
}

TEST(Links, NothingIsInvented) {
  for (const std::size_t size : {2u, 4u, 8u})
    EXPECT_THAT(found([](const Hosts&) { return 1.0; }, size), IsEmpty());
  FleetBuilder few;  // too few to tell
  for (unsigned i = 0; i < 4; ++i)
    few.add(job({"a", fmt::format("b{}", i)}, i, [i](const Hosts&) { return i == 0 ? 9.0 : 1.0; }));
  EXPECT_THAT(find_slow_links(few.build().groups.at(0)), IsEmpty());
}

}  // namespace
}  // namespace limen::results::fleet
