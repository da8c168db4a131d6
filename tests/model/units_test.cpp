#include "model/cards/units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/error.hpp"

namespace limen::cards {
namespace {

using namespace model;
using testing::HasSubstr;

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Exit::usage);
    return e.what();
  }
  return "no error";
}

TEST(Units, AreNeeded) {
  EXPECT_DOUBLE_EQ(parse<BytesPerSecond>("18TB/s", "x").in(bytes_per_second), 18e12);
  EXPECT_DOUBLE_EQ(parse<BytesPerSecond>(" 3.35 TB/s ", "x").in(bytes_per_second), 3.35e12);
  EXPECT_DOUBLE_EQ(parse<Bytes>("80 GB", "x").in(bytes), 80e9);
  EXPECT_DOUBLE_EQ(parse<Bytes>("80GiB", "x").in(bytes), 80 * 1073741824.0);
  EXPECT_DOUBLE_EQ(parse<Seconds>("1us", "x").in(seconds), 1e-6);
  EXPECT_DOUBLE_EQ(parse<Quantity<Scalar>>("88 %", "x"), 0.88);
  EXPECT_THAT(error_of([] { parse<BytesPerSecond>("18", "key"); }),
              HasSubstr("key: '18' has no unit; write for example 18 TB/s"));
  EXPECT_THAT(error_of([] { parse<Seconds>("18 TB/s", "key"); }), HasSubstr("unknown unit 'TB/s'"));
  EXPECT_THAT(error_of([] { parse<BytesPerSecond>("18 Tb/s", "key"); }),
              HasSubstr("did you mean 'TB/s'?"));
}

TEST(Units, PowerEnergyAndMoney) {
  EXPECT_DOUBLE_EQ(parse<Watts>("1.2 kW", "x").in(watts), 1200);
  EXPECT_DOUBLE_EQ(parse<JoulesPerByte>("30 pJ/B", "x").in(joules_per_byte), 30e-12);
  EXPECT_DOUBLE_EQ(parse<JoulesPerByte>("3.75 pJ/bit", "x").in(picojoules_per_byte), 30);
  EXPECT_DOUBLE_EQ(parse<JoulesPerFlop>("0.5pJ/FLOP", "x").in(picojoules_per_flop), 0.5);
  EXPECT_DOUBLE_EQ(parse<Dollars>("25000$", "x").in(dollars), 25000);
  EXPECT_DOUBLE_EQ(parse<Seconds>("4 years", "x").in(seconds), 4 * 365.25 * 86400);
  EXPECT_NEAR((parse<DollarsPerJoule>("0.1 $/kWh", "x") * kilowatt_hours(10.0)).in(dollars), 1,
              1e-12);
  EXPECT_EQ(to_text(parse<DollarsPerJoule>("0.1 $/kWh", "x")), "0.1 $/kWh");
  EXPECT_THAT(error_of([] { parse<Watts>("700", "key"); }), HasSubstr("write for example 700 W"));
  EXPECT_THAT(error_of([] { parse<Watts>("nan W", "key"); }), HasSubstr("key: "));
  EXPECT_THAT(error_of([] { parse<Dollars>("-1 $", "key"); }), HasSubstr("zero or more"));
  EXPECT_THAT(error_of([] { parse<JoulesPerByte>("30 W", "key"); }), HasSubstr("unknown unit 'W'"));
}

TEST(Units, RefuseWhatIsNoMeasure) {
  for (const char* bad : {"", "fast", "nan TB/s", "inf TB/s", "-1 TB/s", "0 TB/s", "1e999 TB/s",
                          "1e300 PB/s", "--3 TB/s", "TB/s"}) {
    EXPECT_THAT(error_of([&] { parse<BytesPerSecond>(bad, "key"); }), HasSubstr("key: ")) << bad;
  }
  EXPECT_DOUBLE_EQ(parse<Seconds>("0us", "x").in(seconds), 0);
  EXPECT_THAT(error_of([] { parse<Seconds>("-1us", "key"); }), HasSubstr("must be zero or more"));
}

TEST(Units, TextReadsBackAsItWas) {
  for (double v : {1.0, 999.9, 1e3, 3.35e12, 2.25e15, 7.0, 0.5}) {
    EXPECT_NEAR(parse<BytesPerSecond>(to_text(bytes_per_second(v)), "x").in(bytes_per_second), v,
                v * 1e-8);
  }
  EXPECT_EQ(to_text(microseconds(1.5)), "1.5 us");
  EXPECT_EQ(to_text(picoseconds(0.02)), "0.02 ps");
  EXPECT_EQ(to_text(gigabytes(80.0)), "80 GB");
  EXPECT_EQ(to_text(bytes(0.0)), "0 B");
  EXPECT_EQ(to_text(Quantity<Scalar>(0.875)), "0.875");
}

TEST(Units, CountsMayEndInK) {
  EXPECT_EQ(parse_count("4k", "x"), 4096);
  EXPECT_EQ(parse_count("128K", "x"), 131072);
  EXPECT_EQ(parse_count("100", "x"), 100);
  for (const char* bad :
       {"", "0", "-4", "4.5", "4m", "k", "nan", "99999999999999999999", "9999999999999k", "0x10"}) {
    EXPECT_THAT(error_of([&] { parse_count(bad, "--context"); }), HasSubstr("--context: ")) << bad;
  }
}

}  // namespace
}  // namespace limen::cards
