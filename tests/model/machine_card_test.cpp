#include "model/cards/machine_card.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/error.hpp"

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
  for_each_parameter(m, [](const std::string&, auto& p) {
    using P = typename std::remove_reference_t<decltype(p)>::value_type;
    using Q = decltype(P::value);
    const auto unit = model::Unit<typename Q::dimension>{1.0};
    p = P{unit(0.5), unit(0.25), unit(0.75), model::Evidence::measured, "a \"quoted\" run"};
  });
  m.law(model::Format::int4).scatter = 0.03;
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
  EXPECT_THAT(error_of(with("bf16", "fp8")), HasSubstr("compute.bf16 or compute.fp32 is missing"));
  EXPECT_THAT(error_of(good + "[[sync.all_reduce]]\nranks = 1\n"), HasSubstr("2 or more"));
  EXPECT_THAT(error_of(with("name = \"m\"", "name = \"m\"\ndevices = 0")),
              HasSubstr("whole number from 1"));
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
  EXPECT_THAT(set_error("devices=0"), HasSubstr("at least 1"));
}

TEST(MachineCard, UnknownNamesAreSuggested) {
  try {
    find_machine("h100");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("did you mean 'h100-8'?"));
  }
}

}  // namespace
}  // namespace limen::cards
