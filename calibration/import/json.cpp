#include "calibration/import/json.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace limen::calibration::importing {

namespace {

using Kind = JsonNode::Kind;

// Builds the tree. How far the stream was read says where a value stands.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(const Source& source, const std::string& text, std::size_t line)
      : source_(source), text_(text), line_(line), in_(text) {}

  JsonNode build() {
    nlohmann::json::sax_parse(in_, this);
    return std::move(root_);
  }

  bool null() override { return value({}); }
  bool boolean(bool truth) override {
    JsonNode node{Kind::boolean, truth, "", {}, {}, 0};
    return value(std::move(node));
  }
  bool number_integer(std::int64_t v) override { return number(std::to_string(v)); }
  bool number_unsigned(std::uint64_t v) override { return number(std::to_string(v)); }
  bool number_float(double, const std::string& written) override { return number(written); }
  bool string(std::string& v) override {
    JsonNode node{Kind::text, false, std::move(v), {}, {}, 0};
    return value(std::move(node));
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Kind::object); }
  bool start_array(std::size_t) override { return open(Kind::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    auto& keys = open_.back()->keys;
    if (std::find(keys.begin(), keys.end(), name) != keys.end())
      source_.at(line_here(0)).fail(fmt::format("'{}' stands twice in one object", name));
    keys.push_back(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& e) override {
    const std::size_t at = std::min(position > 0 ? position - 1 : 0, text_.size());
    const std::size_t line = line_at(at);
    const std::size_t start = at == 0 ? std::string::npos : text_.rfind('\n', at - 1);
    const std::size_t column = start == std::string::npos ? at + 1 : at - start;
    const bool range = dynamic_cast<const nlohmann::json::out_of_range*>(&e) != nullptr;
    source_.at(line, column)
        .fail(range                ? "a number out of range"
              : at >= text_.size() ? "not JSON: it ends too early; is the file cut off?"
                                   : "not JSON");
  }

 private:
  std::size_t line_at(std::size_t position) {
    while (counted_ < position) line_ += text_[counted_++] == '\n';
    return line_;
  }
  // `ahead`: characters read beyond the value.
  std::size_t line_here(std::size_t ahead) {
    const auto left =
        static_cast<std::size_t>(std::max<std::streamsize>(in_.rdbuf()->in_avail(), 0));
    const std::size_t read = text_.size() - std::min(left, text_.size());
    return line_at(read - std::min(ahead, read));
  }
  bool number(std::string written) {
    JsonNode node{Kind::number, false, std::move(written), {}, {}, 0};
    return value(std::move(node), 1);
  }
  bool value(JsonNode node, std::size_t ahead = 0) {
    node.line = line_here(ahead);
    place(std::move(node));
    return true;
  }
  bool open(Kind kind) {
    constexpr std::size_t deepest =
        64;  // no benchmark nests deeper, and a tree is freed recursively
    JsonNode node;
    node.kind = kind;
    node.line = line_here(0);
    if (open_.size() >= deepest)
      source_.at(node.line).fail("not the JSON of a benchmark: nested too deeply");
    open_.push_back(place(std::move(node)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  // Only the last item of an open node grows, so the pointers to those around it stay.
  JsonNode* place(JsonNode node) {
    if (open_.empty()) return &(root_ = std::move(node));
    return &open_.back()->items.emplace_back(std::move(node));
  }

  const Source& source_;
  const std::string& text_;
  std::size_t line_, counted_ = 0;
  std::istringstream in_;
  JsonNode root_;
  std::vector<JsonNode*> open_;
};

}  // namespace

Json Json::parse(const Source& source, const std::string& text, std::size_t line) {
  return {source, std::make_shared<const JsonNode>(Builder(source, text, line).build()), ""};
}

void Json::fail(const std::string& what) const {
  place().fail(path_.empty() ? what : path_ + ": " + what);
}

Json Json::child(std::size_t i, const std::string& path) const {
  return {*source_, std::shared_ptr<const JsonNode>(node_, &node_->items[i]), path};
}

std::optional<Json> Json::find(const std::string& key) const {
  if (node_->kind != Kind::object) fail("expected an object");
  const auto at = std::find(node_->keys.begin(), node_->keys.end(), key);
  if (at == node_->keys.end()) return {};
  const Json found = child(static_cast<std::size_t>(at - node_->keys.begin()),
                           path_.empty() ? key : path_ + "." + key);
  return found.node_->kind == Kind::null ? std::nullopt : std::optional(found);
}

Json Json::need(const std::string& key) const {
  if (const auto found = find(key)) return *found;
  fail(fmt::format("'{}' is missing", key));
}

std::vector<Json> Json::items() const {
  if (node_->kind != Kind::array) fail("expected an array");
  std::vector<Json> all;
  for (std::size_t i = 0; i < node_->items.size(); ++i)
    all.push_back(child(i, fmt::format("{}[{}]", path_, i)));
  return all;
}

std::string Json::text() const {
  if (node_->kind != Kind::text) fail("expected a text");
  return node_->text;
}

bool Json::boolean() const {
  if (node_->kind != Kind::boolean) fail("expected true or false");
  return node_->truth;
}

std::string Json::written() const {
  if (node_->kind == Kind::boolean) return node_->truth ? "1" : "0";
  if (node_->kind != Kind::text && node_->kind != Kind::number)
    fail("expected a text, a number, true or false");
  return node_->text;
}

Cell Json::as_number() const {
  if (node_->kind != Kind::number) fail("expected a number");
  const Place here = place();
  return {node_->text, {fmt::format("{}:{}: {}", here.file, here.line, path_), 0, 0}};
}

double Json::number() const { return as_number().number(); }
std::int64_t Json::integer() const { return as_number().integer(); }

}  // namespace limen::calibration::importing
