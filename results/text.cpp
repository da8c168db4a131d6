#include "results/text.hpp"

namespace limen::results {

std::string describe(const ParameterValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  return std::get<std::string>(value);
}

std::string describe(const Parameters& parameters) {
  std::string text;
  for (const auto& [key, value] : parameters) {
    if (!text.empty()) text += ' ';
    text += key + '=' + describe(value);
  }
  return text;
}

std::vector<std::string> names_of(std::uint32_t marks) {
  std::vector<std::string> names;
  for (const MarkName& m : mark_names)
    if (marks & m.mark) names.emplace_back(m.name);
  return names;
}

}  // namespace limen::results
