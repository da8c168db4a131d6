// Reading a JSON object whose keys are all known: a wrong type or a key that nobody asked for is an
// error that says where.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace limen::results {

class Fields {
 public:
  // `where` opens every error: "runs/a/samples.jsonl:12". The object must outlive this.
  Fields(const nlohmann::json& object, std::string where);

  // Null if the key is absent; otherwise the value, and the key counts as known.
  const nlohmann::json* find(const char* key);
  const nlohmann::json& need(const char* key);

  // As above, into a variable that keeps its value when the key is absent.
  template <class T>
  void read(const char* key, T& to) {
    if (const nlohmann::json* value = find(key)) convert(*value, key, to);
  }

  // Error if the object has a key that was not asked for.
  void end() const;
  [[noreturn]] void fail(const std::string& what) const;

  void convert(const nlohmann::json& value, const std::string& key, std::string& to) const;
  void convert(const nlohmann::json& value, const std::string& key, bool& to) const;
  void convert(const nlohmann::json& value, const std::string& key, double& to) const;
  void convert(const nlohmann::json& value, const std::string& key, int& to) const;
  void convert(const nlohmann::json& value, const std::string& key, std::int64_t& to) const;
  void convert(const nlohmann::json& value, const std::string& key, std::uint64_t& to) const;
  template <class T>
  void convert(const nlohmann::json& value, const std::string& key, std::vector<T>& to) const {
    if (!value.is_array()) fail("'" + key + "' is no array");
    to.resize(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) convert(value[i], key, to[i]);
  }
  template <class T>
  void convert(const nlohmann::json& value, const std::string& key,
               std::map<std::string, T>& to) const {
    if (!value.is_object()) fail("'" + key + "' is no object");
    for (const auto& [name, entry] : value.items()) convert(entry, key + "." + name, to[name]);
  }

 private:
  const nlohmann::json& object_;
  std::string where_;
  std::vector<std::string> known_;
};

// Parses text that is to be one JSON value; an error names the file, the line (`line` is that of
// the text's first) and the column.
nlohmann::json parse_json(const std::string& text, const std::string& file, std::size_t line);

}  // namespace limen::results
