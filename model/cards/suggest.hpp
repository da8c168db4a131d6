// "Did you mean": the known word nearest to one that is not known.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace limen::cards {

inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// "; did you mean 'x'?" if some known word is near, else "; known: a, b, c".
inline std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  std::size_t best = word.size() / 2 + 1;
  const std::string* nearest = nullptr;
  for (const auto& k : known) {
    // What is cut short is nearer than what is spelt wrong.
    const bool cut = word.size() > 2 && k.compare(0, word.size(), word) == 0;
    const std::size_t d = cut ? 0 : edit_distance(word, k);
    if (d < best || (cut && nearest && d == best && k.size() < nearest->size())) {
      best = d;
      nearest = &k;
    }
  }
  if (nearest) return "; did you mean '" + *nearest + "'?";
  std::string all;
  for (const auto& k : known) all += (all.empty() ? "" : ", ") + k;
  return "; known: " + all;
}

}  // namespace limen::cards
