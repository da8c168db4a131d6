#include "cli/sweep_select.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "model/cards/suggest.hpp"
#include "model/error.hpp"

namespace limen::cli {
namespace {

using model::Limit;

constexpr double unlimited = std::numeric_limits<double>::infinity();

Limit parse_limit(const std::string& word) {
  std::vector<std::string> known;
  for (Limit l :
       {Limit::memory_bandwidth, Limit::compute, Limit::synchronization, Limit::memory_capacity}) {
    if (word == name(l)) return l;
    known.emplace_back(name(l));
  }
  throw Error(fmt::format("--select: unknown limit '{}'{}", word, cards::suggestion(word, known)));
}

double parse_bound(const std::string& text, const std::string& condition) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(v))
    throw Error(fmt::format("--select: '{}': '{}' is not a number", condition, text));
  return v;
}

}  // namespace

const Metric& metric_of(const std::string& name, const std::string& where) {
  std::vector<std::string> known;
  for (const Metric& m : metrics) {
    if (name == m.name) return m;
    known.emplace_back(m.name);
  }
  throw Error(
      fmt::format("{}: unknown figure '{}'{}", where, name, cards::suggestion(name, known)));
}

Selection::Selection(const std::string& conditions) : text_(conditions) {
  for (std::size_t begin = 0; begin <= conditions.size();) {
    const auto comma = std::min(conditions.find(',', begin), conditions.size());
    const std::string one = conditions.substr(begin, comma - begin);
    begin = comma + 1;
    if (one == "fits") {
      fits_ = true;
      continue;
    }
    const auto at = one.find_first_of("<>=");
    if (at == std::string::npos || at == 0) {
      throw Error(fmt::format(
          "--select: '{}' is no condition; write for example fits,utps>=1000,binding_limit=compute",
          one));
    }
    const std::string name = one.substr(0, at);
    const bool or_equal = one.compare(at + 1, 1, "=") == 0;
    const std::string value = one.substr(at + (or_equal ? 2 : 1));
    if (name == "binding_limit") {
      if (one[at] != '=') throw Error(fmt::format("--select: '{}': only = compares limits", one));
      limits_.push_back(parse_limit(value));
      continue;
    }
    Bound b{&metric_of(name, "--select"), -unlimited, unlimited};
    const double v = parse_bound(value, one);
    if (one[at] == '>') b.low = or_equal ? v : std::nextafter(v, unlimited);
    if (one[at] == '<') b.high = or_equal ? v : std::nextafter(v, -unlimited);
    if (one[at] == '=') b.low = b.high = v;
    bounds_.push_back(b);
  }
}

bool Selection::keeps(const model::Figures& f, std::size_t i) const {
  if (fits_ && !f.fits[i]) return false;
  for (const Bound& b : bounds_) {
    if (b.metric->needs_fit && !f.fits[i]) return false;
    const double v = (f.*b.metric->values)[i];
    if (!(v >= b.low && v <= b.high)) return false;
  }
  return limits_.empty() ||
         std::find(limits_.begin(), limits_.end(), f.binding[i]) != limits_.end();
}

}  // namespace limen::cli
