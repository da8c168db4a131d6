#include "results/fields.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::results {

using nlohmann::json;

Fields::Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object()) fail(fmt::format("expected an object, found {}", object.type_name()));
}

const json* Fields::find(const char* key) {
  known_.emplace_back(key);
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

const json& Fields::need(const char* key) {
  if (const json* value = find(key)) return *value;
  fail(fmt::format("'{}' is missing", key));
}

void Fields::end() const {
  for (const auto& [key, value] : object_.items())
    if (std::find(known_.begin(), known_.end(), key) == known_.end())
      fail(fmt::format("unknown key '{}' (written by another version of limen, or by hand)", key));
}

void Fields::fail(const std::string& what) const { throw Error(where_ + ": " + what); }

void Fields::convert(const json& value, const std::string& key, std::string& to) const {
  if (!value.is_string()) fail(fmt::format("'{}' is no text", key));
  to = value.get<std::string>();
}

void Fields::convert(const json& value, const std::string& key, bool& to) const {
  if (!value.is_boolean()) fail(fmt::format("'{}' is neither true nor false", key));
  to = value.get<bool>();
}

void Fields::convert(const json& value, const std::string& key, double& to) const {
  if (!value.is_number()) fail(fmt::format("'{}' is no number", key));
  to = value.get<double>();
}

void Fields::convert(const json& value, const std::string& key, std::int64_t& to) const {
  // A float such as 1e18, and an integer above 2^63, would be cut without a word.
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{1} << 62))
    fail(fmt::format("'{}' is no integer in range", key));
  to = value.get<std::int64_t>();
}

void Fields::convert(const json& value, const std::string& key, int& to) const {
  std::int64_t wide = 0;
  convert(value, key, wide);
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max())
    fail(fmt::format("'{}' is no integer in range", key));
  to = static_cast<int>(wide);
}

void Fields::convert(const json& value, const std::string& key, std::uint64_t& to) const {
  if (!value.is_number_unsigned()) fail(fmt::format("'{}' is no integer from 0 on", key));
  to = value.get<std::uint64_t>();
}

json parse_json(const std::string& text, const std::string& file, std::size_t line) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& e) {
    const std::size_t at = std::min(e.byte > 0 ? e.byte - 1 : 0, text.size());
    const std::string before = text.substr(0, at);
    line += static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t column = at - (before.rfind('\n') + 1) + 1;
    throw Error(fmt::format("{}:{}:{}: not JSON", file, line, column));
  } catch (const json::exception&) {  // a number beyond any double
    throw Error(fmt::format("{}:{}: a number out of range", file, line));
  }
}

}  // namespace limen::results
