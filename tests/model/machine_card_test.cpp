#include "model/cards/machine_card.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/error.hpp"
#include "model/resolve.hpp"

namespace limen::cards {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string good = R"(schema = 1
name = "m"
[memory]
bandwidth = { value = "1 TB/s", low = "0.9 TB/s", high = "1.1 TB/s", evidence = "fitted", source = "s" }
[compute]
bf16 = { value = "1 TFLOP/s", evidence = "datasheet", source = "s" }
)";

std::string error_of(const std::string& toml) {
  try {
    read_machine(toml, "card.toml");
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}
std::string with(const std::string& from, const std::string& to) {
  std::string s = good;
  s.replace(s.find(from), from.size(), to);
  return s;
}

TEST(MachineCard, EveryBuiltInCardReadsAndWritesBackTheSame) {
  for (const auto& name : machine_names()) {
    const auto machine = find_machine(name);
    EXPECT_EQ(machine.name, name);
    const std::string text = write_machine(machine);
    EXPECT_EQ(write_machine(read_machine(text, name)), text);
  }
}

TEST(MachineCard, KeepsEveryParameter) {
  model::Machine m = read_machine(good, "m");
  for_each_parameter(m, [](const std::string& key, auto& p) {
    using P = typename std::remove_reference_t<decltype(p)>::value_type;
    using Q = decltype(P::value);
    const auto unit = model::Unit<typename Q::dimension>{1.0};
    const double base = model::is_exponent(key) ? 1 : 0;  // no overlap is below 1
    p = P{unit(base + 0.5), unit(base + 0.25), unit(base + 0.75), model::Evidence::measured,
          "a \"quoted\" run"};
  });
  m.law(model::Format::int4).scatter = 0.03;
  m.attention.scatter = 0.04;
  m.all_reduce = {{2,
                   model::bytes(64.0),
                   {model::microseconds(1.0), model::microseconds(0.5), model::microseconds(2.0),
                    model::Evidence::fitted, "r"},
                   {model::seconds_per_byte(1e-11), model::seconds_per_byte(1e-11),
                    model::seconds_per_byte(1e-11), model::Evidence::fitted, "r"},
                   0.1}};
  m.unidentified = {"linear.int8.unpack: never binds"};
  const model::Machine back = read_machine(write_machine(m), "m");
  int seen = 0;
  for_each_parameter(back, [&](const std::string& key, const auto& p) {
    ASSERT_TRUE(p) << key;
    EXPECT_LT(p->low, p->high) << key;
    EXPECT_EQ(p->source, "a \"quoted\" run");
    ++seen;
  });
  EXPECT_GT(seen, 30);
  EXPECT_EQ(back.all_reduce.size(), 1u);
  EXPECT_EQ(back.unidentified, m.unidentified);
  EXPECT_DOUBLE_EQ(back.law(model::Format::int4).scatter, 0.03);
  EXPECT_DOUBLE_EQ(back.attention.scatter, 0.04);
}

TEST(MachineCard, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(error_of(good), "no error");
  EXPECT_THAT(
      error_of(with("bandwidth", "bandwith")),
      HasSubstr("card.toml:4:12: unknown key 'memory.bandwith'; did you mean 'memory.bandwidth'?"));
  EXPECT_THAT(error_of(with("\"1 TB/s\"", "1e12")), HasSubstr("must be text with its unit"));
  EXPECT_THAT(error_of(with("1 TB/s", "1e12")), HasSubstr("has no unit"));
  EXPECT_THAT(error_of(with("1 TB/s", "nan TB/s")), HasSubstr("card.toml:4"));
  EXPECT_THAT(error_of(with("0.9 TB/s", "1.05 TB/s")),
              HasSubstr("the interval must hold the value"));
  EXPECT_THAT(error_of(with("fitted", "guessed")), HasSubstr("unknown evidence 'guessed'"));
  EXPECT_THAT(error_of(with("source = \"s\" }\n[", "sauce = \"s\" }\n[")),
              HasSubstr("did you mean 'source'?"));
  EXPECT_THAT(error_of(with("schema = 1", "schema = 99")),
              HasSubstr("newer than this limen reads"));
  EXPECT_THAT(error_of(with("schema = 1\n", "")), HasSubstr("'schema' is missing"));
  EXPECT_THAT(error_of("schema = 1\nname = "), StartsWith("card.toml:2:"));
  EXPECT_THAT(
      error_of(good +
               "[memory.efficiency]\nvalue = \"1.2\"\nevidence = \"fitted\"\nsource = \"s\"\n"),
      HasSubstr("efficiency above 1"));
  EXPECT_THAT(error_of(good + "[linear.bf16]\noverlap = { value = \"0.9\", evidence = \"fitted\", "
                              "source = \"s\" }\n"),
              HasSubstr("overlap below 1"));
  EXPECT_THAT(error_of(good + "[memory.efficiency]\nvalue = \"0.9\"\nhigh = \"1.5\"\nevidence = "
                              "\"fitted\"\nsource = \"s\"\n"),
              HasSubstr("efficiency above 1"));
  const std::string line = "{ value = \"1 us\", evidence = \"fitted\", source = \"s\" }\n";
  EXPECT_THAT(error_of(good +
                       "[[sync.all_reduce]]\nranks = 2\nfrom = \"0 B\"\nthreads = 4\n"
                       "alpha = " +
                       line +
                       "beta = { value = \"1 ps/B\", evidence = "
                       "\"fitted\", source = \"s\" }\n"),
              HasSubstr("sync.all_reduce: unknown key 'threads'"));
  EXPECT_EQ(error_of(with("bf16", "fp8")), "no error");  // without a peak compute is unknown
  EXPECT_THAT(error_of(good + "[[sync.all_reduce]]\nranks = 1\n"), HasSubstr("2 or more"));
  EXPECT_THAT(error_of(with("name = \"m\"", "name = \"m\"\ndevices = 0")),
              HasSubstr("whole number from 1"));
}

std::string derived(const std::string& rest, const std::string& base = "xpu-hbm3") {
  return "schema = 1\nname = \"d\"\nbase = \"" + base + "\"\n" + rest;
}

TEST(MachineCard, ADerivedCardHasWhatDiffersAndTheRestOfItsBase) {
  const auto base = find_machine("xpu-hbm3");
  const auto m = read_machine(
      derived(
          "devices = 7\n[memory]\nbandwidth = { value = \"9 TB/s\", evidence = \"hypothetical\", "
          "source = \"s\" }\n"),
      "d.toml");
  EXPECT_EQ(m.name, "d");
  EXPECT_EQ(m.devices, 7);
  EXPECT_EQ(m.memory_bandwidth->value.in(model::terabytes_per_second), 9);
  EXPECT_EQ(m.memory_capacity->value, base.memory_capacity->value);
  EXPECT_EQ(m.memory_capacity->source, base.memory_capacity->source);
  EXPECT_EQ(m.all_reduce.size(), base.all_reduce.size());
  EXPECT_EQ(m.description, base.description);
  // Over two steps, and a latency that is named takes the place of what was fitted.
  const auto sync = read_machine(
      derived("[sync]\ntp = { value = \"7 us\", evidence = \"hypothetical\", source = \"s\" }\n",
              "xpu-hbm3e"),
      "d.toml");
  for (const auto& piece : sync.all_reduce)
    EXPECT_DOUBLE_EQ(piece.alpha.value.in(model::microseconds), 7);
  EXPECT_EQ(sync.memory_bandwidth->value.in(model::terabytes_per_second), 8);
}

TEST(MachineCard, BasesThatAreUnknownOrCircularAreErrors) {
  EXPECT_THAT(
      error_of(derived("", "h100-sx")),
      HasSubstr("card.toml:3:8: base: unknown machine 'h100-sx'; did you mean 'h100-sxm'?"));
  EXPECT_THAT(error_of(derived("[memory]\nbandwith = 1\n")),
              HasSubstr("did you mean 'memory.bandwidth'"));
  const auto folder = std::filesystem::path(testing::TempDir());
  auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder / name) << text;
  };
  write("limen_a.toml", "schema = 1\nname = \"a\"\nbase = \"limen_b.toml\"\n");
  write("limen_b.toml", "schema = 1\nname = \"b\"\nbase = \"limen_a.toml\"\n");
  write("limen_c.toml", derived("", "limen_d.toml"));
  write("limen_d.toml", derived(""));
  try {
    find_machine((folder / "limen_a.toml").string());
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("cannot be its own base"));
  }
  EXPECT_EQ(find_machine((folder / "limen_c.toml").string()).devices, 128);
}

TEST(MachineCard, NetworksTakeThePlaceOfLinks) {
  for (const auto& name : network_names()) {
    const auto network = find_network(name);
    EXPECT_EQ(network.name, name);
    EXPECT_TRUE(network.sync_tp || network.sync_net) << name;
  }
  model::Machine m = find_machine("h100-8");
  connect(m, find_network("infiniband-ndr"));  // between nodes: what is within stays
  EXPECT_TRUE(m.sync_net && !m.all_reduce.empty());
  connect(m, find_network("optical-200ns"));
  EXPECT_TRUE(m.all_reduce.empty());
  EXPECT_FALSE(m.sync_floor);
  EXPECT_DOUBLE_EQ(m.sync_tp->value.in(model::nanoseconds), 200);
  const auto card = read_machine(derived("network = \"optical-200ns\"\n"), "d.toml");
  EXPECT_TRUE(card.all_reduce.empty());
  EXPECT_THAT(error_of(derived("network = \"optical-20ns\"\n")),
              HasSubstr("network: unknown network"));
  try {
    read_network(good, "n.toml");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(),
                HasSubstr("a network has sync.* keys of links alone, not memory.bandwidth"));
  }
}

TEST(MachineCard, TiersAreCompleteAndInOrder) {
  auto tier = [](const char* name, const char* capacity, const char* bandwidth) {
    std::string s = good + "[" + name + "]\n";
    if (*capacity)
      s += std::string("capacity = { value = \"") + capacity +
           "\", evidence = \"hypothetical\", source = \"s\" }\n";
    if (*bandwidth)
      s += std::string("bandwidth = { value = \"") + bandwidth +
           "\", evidence = \"hypothetical\", source = \"s\" }\n";
    return s;
  };
  EXPECT_EQ(error_of(tier("sram", "1 GB", "10 TB/s")), "no error");
  EXPECT_EQ(error_of(tier("host", "1 TB", "64 GB/s")), "no error");
  EXPECT_THAT(error_of(tier("sram", "1 GB", "")), HasSubstr("belong together"));
  EXPECT_THAT(error_of(tier("sram", "1 GB", "0.5 TB/s")), HasSubstr("from fast to slow"));
  EXPECT_THAT(error_of(tier("host", "1 TB", "2 TB/s")), HasSubstr("from fast to slow"));
}

TEST(MachineCard, EveryValueOfABuiltInCardSaysWhereItComesFrom) {
  int unverified = 0;
  for (const auto& name : machine_names()) {
    const auto m = find_machine(name);
    for_each_parameter(m, [&](const std::string& key, const auto& p) {
      if (!p) return;
      EXPECT_FALSE(p->source.empty()) << name << " " << key;
      if (p->evidence == model::Evidence::unverified) ++unverified;
    });
  }
  EXPECT_GE(unverified, 90);
}

// The table has no matrix peak of eight devices: they are cards all the same.
TEST(MachineCard, WithoutAMatrixPeakComputeIsUnknown) {
  for (const char* name : {"rtx-3070", "rtx-3080-10gb", "rtx-3080-ti", "rtx-4070-ti", "rtx-4080",
                           "rtx-4000-ada", "rtx-5000-ada"}) {
    const auto m = find_machine(name);
    EXPECT_EQ(model::matrix_peak(m, model::Format::bf16), nullptr) << name;
  }
}

TEST(MachineCard, SetIsAsStrictAsAFile) {
  auto set_error = [](const std::string& s) -> std::string {
    model::Machine m = read_machine(good, "m");
    try {
      set_parameter(m, s);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_EQ(set_error("memory.bandwidth=18TB/s"), "no error");
  EXPECT_THAT(set_error("memory.bandwidth"), HasSubstr("write KEY=VALUE"));
  EXPECT_THAT(set_error("memory.bandwidth=18"), HasSubstr("has no unit"));
  EXPECT_THAT(set_error("bandwidth=18TB/s"), HasSubstr("unknown key 'bandwidth'"));
  EXPECT_THAT(set_error("memory.efficiency=1.5"), HasSubstr("above 1"));
  EXPECT_THAT(set_error("linear.bf16.overlap=0.5"), HasSubstr("overlap below 1"));
  EXPECT_EQ(set_error("host.capacity=1TB"), "no error");  // new, too
  EXPECT_EQ(set_error("devices_per_node=8"), "no error");
  EXPECT_EQ(set_error("cost.device=25000$"), "no error");
  EXPECT_THAT(set_error("energy.memory=30"), HasSubstr("has no unit"));
  EXPECT_THAT(set_error("power.idle=-5W"), HasSubstr("zero or more"));
  EXPECT_THAT(set_error("power.idel=5W"), HasSubstr("did you mean 'power.idle'"));
  EXPECT_THAT(set_error("devices=0"), HasSubstr("at least 1"));
}

TEST(MachineCard, UnknownNamesAreSuggested) {
  try {
    find_machine("xpu-cow");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("did you mean 'xpu-cows'?"));
  }
}

}  // namespace
}  // namespace limen::cards
