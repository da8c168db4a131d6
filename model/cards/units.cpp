#include "model/cards/units.hpp"

#include <charconv>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "model/cards/suggest.hpp"
#include "model/error.hpp"

namespace limen::cards {
namespace {

using namespace model;

struct Symbol {
  std::string_view text;
  double factor;
  bool preferred;  // when writing
};

template <class D>
struct Table;
template <>
struct Table<Time> {
  static constexpr Symbol rows[] = {
      {"s", 1, true},     {"ms", 1e-3, true},  {"us", 1e-6, true}, {"\u00b5s", 1e-6, false},
      {"ns", 1e-9, true}, {"ps", 1e-12, true}, {"h", 3600, false}, {"years", 31557600, true}};
  static constexpr bool zero = true;
  static constexpr std::string_view example = "1 us";
};
template <>
struct Table<Data> {
  static constexpr Symbol rows[] = {{"TB", 1e12, true},
                                    {"GB", 1e9, true},
                                    {"MB", 1e6, true},
                                    {"kB", 1e3, true},
                                    {"B", 1, true},
                                    {"TiB", 1099511627776.0, false},
                                    {"GiB", 1073741824.0, false},
                                    {"MiB", 1048576.0, false},
                                    {"KiB", 1024.0, false}};
  static constexpr bool zero = true;  // a message of no bytes
  static constexpr std::string_view example = "80 GB";
};
template <>
struct Table<DataRate> {
  static constexpr Symbol rows[] = {{"PB/s", 1e15, true},
                                    {"TB/s", 1e12, true},
                                    {"GB/s", 1e9, true},
                                    {"MB/s", 1e6, true},
                                    {"kB/s", 1e3, true},
                                    {"B/s", 1, true},
                                    {"TiB/s", 1099511627776.0, false},
                                    {"GiB/s", 1073741824.0, false}};
  static constexpr bool zero = false;
  static constexpr std::string_view example = "18 TB/s";
};
template <>
struct Table<OperationRate> {
  static constexpr Symbol rows[] = {{"PFLOP/s", 1e15, true},
                                    {"TFLOP/s", 1e12, true},
                                    {"GFLOP/s", 1e9, true},
                                    {"MFLOP/s", 1e6, true},
                                    {"FLOP/s", 1, true}};
  static constexpr bool zero = false;
  static constexpr std::string_view example = "989 TFLOP/s";
};
template <>
struct Table<TimePerData> {
  static constexpr Symbol rows[] = {{"s/B", 1, true},      {"ms/B", 1e-3, true},
                                    {"us/B", 1e-6, true},  {"ns/B", 1e-9, true},
                                    {"ps/B", 1e-12, true}, {"fs/B", 1e-15, true}};
  static constexpr bool zero = true;
  static constexpr std::string_view example = "20 ps/B";
};
template <>
struct Table<Energy> {
  static constexpr Symbol rows[] = {{"kJ", 1e3, true},
                                    {"J", 1, true},
                                    {"mJ", 1e-3, true},
                                    {"uJ", 1e-6, true},
                                    {"kWh", 3.6e6, false}};
  static constexpr bool zero = true;
  static constexpr std::string_view example = "1.5 J";
};
template <>
struct Table<Power> {
  static constexpr Symbol rows[] = {
      {"MW", 1e6, true}, {"kW", 1e3, true}, {"W", 1, true}, {"mW", 1e-3, true}};
  static constexpr bool zero = true;
  static constexpr std::string_view example = "700 W";
};
template <>
struct Table<EnergyPerData> {
  static constexpr Symbol rows[] = {{"J/B", 1, true},
                                    {"nJ/B", 1e-9, true},
                                    {"pJ/B", 1e-12, true},
                                    {"fJ/B", 1e-15, true},
                                    {"pJ/bit", 8e-12, false}};
  static constexpr bool zero = true;
  static constexpr std::string_view example = "30 pJ/B";
};
template <>
struct Table<EnergyPerOperation> {
  static constexpr Symbol rows[] = {{"J/FLOP", 1, true},
                                    {"nJ/FLOP", 1e-9, true},
                                    {"pJ/FLOP", 1e-12, true},
                                    {"fJ/FLOP", 1e-15, true}};
  static constexpr bool zero = true;
  static constexpr std::string_view example = "0.5 pJ/FLOP";
};
template <>
struct Table<Money> {
  static constexpr Symbol rows[] = {{"$", 1, true}};
  static constexpr bool zero = true;
  static constexpr std::string_view example = "25000 $";
};
template <>
struct Table<MoneyPerEnergy> {
  static constexpr Symbol rows[] = {{"$/kWh", 1 / 3.6e6, true}, {"$/J", 1, false}};
  static constexpr bool zero = true;
  static constexpr std::string_view example = "0.1 $/kWh";
};
template <>
struct Table<Scalar> {
  static constexpr Symbol rows[] = {{"", 1, true}, {"%", 0.01, false}};
  static constexpr bool zero = false;
  static constexpr std::string_view example = "0.88";
};

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

}  // namespace

template <class Q>
Q parse(std::string_view text, const std::string& where) {
  using D = typename Q::dimension;
  using T = Table<D>;
  const std::string_view s = trimmed(text);
  double number = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), number);
  if (error == std::errc::result_out_of_range) {
    throw Error(fmt::format("{}: '{}' is too large or too small for a number", where, text));
  }
  if (error != std::errc() || !std::isfinite(number)) {
    throw Error(fmt::format("{}: '{}' is not a number with a unit; write for example {}", where,
                            text, T::example));
  }
  const std::string_view unit = trimmed(s.substr(static_cast<std::size_t>(end - s.data())));
  for (const Symbol& row : T::rows) {
    if (row.text != unit) continue;
    const double value = number * row.factor;
    if (!std::isfinite(value)) throw Error(fmt::format("{}: '{}' is too large", where, text));
    if (value < 0 || (value == 0 && !T::zero)) {
      throw Error(fmt::format("{}: '{}' must be {}", where, text,
                              T::zero ? "zero or more" : "more than zero"));
    }
    return Unit<D>{1.0}(value);
  }
  if (unit.empty())
    throw Error(fmt::format("{}: '{}' has no unit; write for example {}", where, text, T::example));
  std::vector<std::string> known;
  for (const Symbol& row : T::rows) known.emplace_back(row.text);
  throw Error(fmt::format("{}: '{}' has an unknown unit '{}'{}", where, text, unit,
                          suggestion(unit, known)));
}

template <class Q>
std::string to_text(Q quantity, int digits) {
  using D = typename Q::dimension;
  const double value = quantity.in(Unit<D>{1.0});
  const Symbol* best = nullptr;
  for (const Symbol& row : Table<D>::rows) {
    if (!row.preferred) continue;
    if (!best) best = &row;
    const bool fits = value >= row.factor * 0.99999999;
    const bool best_fits = value >= best->factor * 0.99999999;
    if (fits ? (!best_fits || row.factor > best->factor)
             : (!best_fits && row.factor < best->factor))
      best = &row;
  }
  if (value == 0) {  // in the base unit
    for (const Symbol& row : Table<D>::rows) {
      if (row.factor == 1) best = &row;
    }
  }
  const std::string number = fmt::format("{:.{}g}", value / best->factor, digits);
  return best->text.empty() ? number : fmt::format("{} {}", number, best->text);
}

long long parse_count(std::string_view text, const std::string& where) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc::result_out_of_range)
    throw Error(fmt::format("{}: '{}' is too large", where, text));
  if (error != std::errc() || !(suffix.empty() || suffix == "k" || suffix == "K")) {
    throw Error(fmt::format(
        "{}: '{}' is not a whole number; write for example 8, 4096 or 4k (= 4096)", where, text));
  }
  if (number <= 0) throw Error(fmt::format("{}: '{}' must be at least 1", where, text));
  constexpr long long most = 1LL << 40;
  if (number > most || (!suffix.empty() && number > most / 1024)) {
    throw Error(fmt::format("{}: '{}' is too large", where, text));
  }
  return suffix.empty() ? number : number * 1024;
}

#define LIMEN_UNITS(Q)                                       \
  template Q parse<Q>(std::string_view, const std::string&); \
  template std::string to_text<Q>(Q, int);
LIMEN_UNITS(Seconds)
LIMEN_UNITS(Bytes)
LIMEN_UNITS(BytesPerSecond)
LIMEN_UNITS(FlopsPerSecond)
LIMEN_UNITS(SecondsPerByte)
LIMEN_UNITS(Quantity<Scalar>)
LIMEN_UNITS(Joules)
LIMEN_UNITS(Watts)
LIMEN_UNITS(JoulesPerByte)
LIMEN_UNITS(JoulesPerFlop)
LIMEN_UNITS(Dollars)
LIMEN_UNITS(DollarsPerJoule)
#undef LIMEN_UNITS

}  // namespace limen::cards
