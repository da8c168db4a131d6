#include "results/fleet/host_order.hpp"

#include <algorithm>
#include <string_view>

namespace limen::results::fleet {

namespace {

bool digit(char c) { return '0' <= c && c <= '9'; }

// The number that begins at `at`, without leading zeros.
std::string_view number_at(const std::string& text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && digit(text[end])) ++end;
  while (at + 1 < end && text[at] == '0') ++at;
  return std::string_view(text).substr(at, end - at);
}

}  // namespace

bool host_before(const std::string& a, const std::string& b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      const std::string_view x = number_at(a, i), y = number_at(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      while (i < a.size() && digit(a[i])) ++i;
      while (j < b.size() && digit(b[j])) ++j;
    } else if (a[i] != b[j]) {
      return a[i] < b[j];
    } else {
      ++i, ++j;
    }
  }
  if (i < a.size() || j < b.size()) return j < b.size();
  return a < b;  // n01 and n1 are two hosts
}

std::string rack_of(const std::string& host) {
  const std::string name = host.substr(0, host.find('.'));
  const auto last = std::find_if(name.rbegin(), name.rend(), digit);
  if (last == name.rend()) return name;
  std::size_t at = static_cast<std::size_t>(name.rend() - last);  // behind the last digit
  while (at > 0 && digit(name[at - 1])) --at;
  const auto letter = [](char c) {
    return digit(c) || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z');
  };
  // The letters that name the node within the rack, as the n of r12n03, if a number stands before.
  std::size_t rack = at;
  while (rack > 0 && !digit(name[rack - 1])) --rack;
  if (rack == 0) rack = at;
  while (rack > 0 && !letter(name[rack - 1])) --rack;
  return rack == 0 ? name : name.substr(0, rack);
}

}  // namespace limen::results::fleet
