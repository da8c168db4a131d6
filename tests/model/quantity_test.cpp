#include "model/quantity.hpp"

#include <type_traits>

#include <gtest/gtest.h>

namespace limen::model {
namespace {

template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};
template <class A, class B>
concept Multipliable = requires(A a, B b) {
  a* b;
};

// Dimensions are checked when this file compiles.
static_assert(std::is_same_v<decltype(bytes(1.0) / seconds(1.0)), BytesPerSecond>);
static_assert(std::is_same_v<decltype(bytes(1.0) / bytes_per_second(1.0)), Seconds>);
static_assert(std::is_same_v<decltype(flops(1.0) / flops_per_second(1.0)), Seconds>);
static_assert(std::is_same_v<decltype(seconds_per_byte(1.0) * bytes(1.0)), Seconds>);
static_assert(std::is_convertible_v<decltype(seconds(1.0) / seconds(2.0)), double>);
static_assert(std::is_same_v<decltype(watts(1.0) * seconds(1.0)), Joules>);
static_assert(std::is_same_v<decltype(joules_per_byte(1.0) * bytes(1.0)), Joules>);
static_assert(std::is_same_v<decltype(joules_per_flop(1.0) * flops(1.0)), Joules>);
static_assert(std::is_same_v<decltype(dollars_per_joule(1.0) * joules(1.0)), Dollars>);
static_assert(!Addable<Watts, Joules> && !Addable<Dollars, double>);
static_assert(Addable<Seconds, Seconds>);
static_assert(!Addable<Seconds, Bytes>);
static_assert(!Addable<Seconds, double>);
static_assert(!std::is_convertible_v<double, Seconds>);
static_assert(!std::is_convertible_v<Seconds, double>);

TEST(Quantity, EntersAndLeavesInItsUnit) {
  EXPECT_DOUBLE_EQ((bytes(5e9) / terabytes_per_second(3.35)).in(microseconds), 5e9 / 3.35e12 * 1e6);
  EXPECT_DOUBLE_EQ(gibibytes(1.0).in(bytes), 1073741824.0);
  EXPECT_DOUBLE_EQ(max(seconds(1.0), milliseconds(1500.0)).in(seconds), 1.5);
}

TEST(Quantity, TheScalarCanBeAnother) {
  const SecondsOf<float> t =
      BytesOf<float>(bytes(6.0f)) / BytesPerSecondOf<float>(bytes_per_second(3.0f));
  EXPECT_FLOAT_EQ(t.in(seconds), 2.0f);
}

}  // namespace
}  // namespace limen::model
