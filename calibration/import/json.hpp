// JSON whose every value knows the line it stands on, so that a wrong figure is found in the file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "calibration/import/source.hpp"

namespace limen::calibration::importing {

struct JsonNode {
  enum class Kind { null, boolean, number, text, array, object };
  Kind kind = Kind::null;
  bool truth = false;
  std::string text;               // of a text; of a number, as it is written
  std::vector<std::string> keys;  // of an object, in the order of `items`
  std::vector<JsonNode> items;
  std::size_t line = 0;
};

// A value to read from. Each function is an Error (file, line, path in the document) if the value
// is of another kind; a number must be finite and have no sign, as those of Cell.
class Json {
 public:
  // Error (line and column) unless the text, whose first line is `line` of the source, is one JSON
  // value without a key twice in an object.
  static Json parse(const Source& source, const std::string& text, std::size_t line = 1);

  std::optional<Json> find(const std::string& key) const;  // nothing if absent or null
  Json need(const std::string& key) const;
  std::vector<Json> items() const;

  bool is_text() const { return node_->kind == JsonNode::Kind::text; }
  std::string text() const;
  bool boolean() const;
  double number() const;
  std::int64_t integer() const;
  // A text, number or truth as it would stand in a table.
  std::string written() const;

  Place place() const { return source_->at(node_->line); }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  Json(const Source& source, std::shared_ptr<const JsonNode> node, std::string path)
      : source_(&source), node_(std::move(node)), path_(std::move(path)) {}
  Json child(std::size_t i, const std::string& path) const;
  Cell as_number() const;

  const Source* source_;
  std::shared_ptr<const JsonNode> node_;
  std::string path_;  // "benchmarks[3].real_time"
};

}  // namespace limen::calibration::importing
