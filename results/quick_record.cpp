#include "results/quick_record.hpp"

#include <charconv>
#include <utility>
#include <vector>

#include "results/text.hpp"

namespace limen::results {

namespace {

// Each function takes what it is named after and is false, at no matter what place, if that is not
// there.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool literal(std::string_view text) {
    if (static_cast<std::size_t>(end_ - at_) < text.size() ||
        std::string_view(at_, text.size()) != text)
      return false;
    at_ += text.size();
    return true;
  }
  bool done() const { return at_ == end_; }
  bool next_is(char c) const { return at_ != end_ && *at_ == c; }

  bool text(std::string& to) {
    if (!literal("\"")) return false;
    const char* from = at_;
    for (; at_ != end_ && *at_ != '"'; ++at_)
      if (*at_ < 0x20 || *at_ > 0x7e || *at_ == '\\') return false;
    to.assign(from, at_);
    return literal("\"");
  }
  template <class T>
  bool number(T& to) {
    const char* to_here = number_end();
    if (!to_here) return false;
    const auto [end, error] = std::from_chars(at_, to_here, to);
    if (error != std::errc() || end != to_here) return false;  // an integer with a fraction
    at_ = to_here;
    return true;
  }
  template <class T>
  bool numbers(std::vector<T>& to) {
    if (!literal("[")) return false;
    if (literal("]")) return true;
    do {
      if (!number(to.emplace_back())) return false;
    } while (literal(","));
    return literal("]");
  }

 private:
  static bool digit(char c) { return '0' <= c && c <= '9'; }
  // Where a number by JSON's grammar ends, which is stricter than that of from_chars.
  const char* number_end() const {
    const char* p = at_;
    const auto digits = [&] {
      const char* from = p;
      while (p != end_ && digit(*p)) ++p;
      return p != from;
    };
    if (p != end_ && *p == '-') ++p;
    const char* whole = p;
    if (!digits() || (*whole == '0' && p != whole + 1)) return nullptr;
    if (p != end_ && *p == '.' && (++p, !digits())) return nullptr;
    if (p != end_ && (*p == 'e' || *p == 'E')) {
      ++p;
      if (p != end_ && (*p == '+' || *p == '-')) ++p;
      if (!digits()) return nullptr;
    }
    return p;
  }
  const char* at_;
  const char* end_;
};

constexpr std::int64_t largest = std::int64_t{1} << 62;  // as the general reader has it

bool read(Cursor& c, Parameters& parameters) {
  if (!c.literal("{")) return false;
  if (c.literal("}")) return true;
  std::string key;
  do {
    if (!c.text(key) || !c.literal(":")) return false;
    ParameterValue value;
    if (c.next_is('"')) {
      if (!c.text(value.emplace<std::string>())) return false;
    } else {
      auto& integer = value.emplace<std::int64_t>();
      if (!c.number(integer) || integer > largest) return false;
    }
    if (!parameters.emplace(key, std::move(value)).second) return false;
  } while (c.literal(","));
  return c.literal("}");
}

// The marks stand before the samples that they count.
using Marked = std::vector<std::pair<std::uint32_t, std::vector<std::size_t>>>;

bool read(Cursor& c, Marked& marked) {
  if (!c.literal("{")) return false;
  if (c.literal("}")) return true;
  std::string name;
  do {
    if (!c.text(name) || !c.literal(":")) return false;
    auto& [bit, at] = marked.emplace_back();
    for (const MarkName& mark : mark_names)
      if (name == mark.name) bit = mark.mark;
    if (bit == 0 || !c.numbers(at)) return false;
  } while (c.literal(","));
  return c.literal("}");
}

bool read(Cursor& c, Visit& visit) {
  if (!c.literal("{\"at\":") || !c.number(visit.at) || !c.literal(",\"inner\":") ||
      !c.number(visit.inner) || visit.inner > largest)
    return false;
  if (c.literal(",\"joules\":") && !c.number(visit.joules)) return false;
  Marked marked;
  const bool has_marks = c.literal(",\"marks\":");
  if (has_marks && !read(c, marked)) return false;
  if (!c.literal(",\"seconds\":") || !c.numbers(visit.seconds) || !c.literal("}")) return false;
  for (const double s : visit.seconds)
    if (!(s > 0)) return false;
  if (has_marks) visit.marks.assign(visit.seconds.size(), 0);
  for (const auto& [bit, at] : marked) {
    for (const std::size_t i : at) {
      if (i >= visit.marks.size()) return false;
      visit.marks[i] |= bit;
    }
  }
  return true;
}

bool read(Cursor& c, Outcome& outcome) {
  if (c.literal("{\"stop\":")) return c.text(outcome.emplace<Samples>().stop) && c.literal("}");
  if (c.literal("{\"skipped\":"))
    return c.text(outcome.emplace<Skipped>().reason) && c.literal("}");
  return c.literal("{\"invalid\":") && c.text(outcome.emplace<Invalid>().reason) && c.literal("}");
}

bool read(Cursor& c, model::Work& work) {
  double flops = 0, bytes_read = 0, written = 0;
  if (!c.literal("{\"flops\":") || !c.number(flops) || !c.literal(",\"read\":") ||
      !c.number(bytes_read) || !c.literal(",\"written\":") || !c.number(written) || !c.literal("}"))
    return false;
  work = {model::bytes(bytes_read), model::bytes(written), model::flops(flops)};
  return true;
}

bool read(Cursor& c, Record& record) {
  Measurement& m = record.about;
  if (!c.literal("{\"parameters\":") || !read(c, m.parameters) || !c.literal(",\"probe\":") ||
      !c.text(m.probe))
    return false;
  if (c.literal(",\"visit\":")) {
    if (!read(c, record.visit.emplace())) return false;
  } else if (!c.literal(",\"verdict\":") || !read(c, m.outcome)) {
    return false;
  }
  return c.literal(",\"work\":") && read(c, m.work) && c.literal("}") && c.done();
}

}  // namespace

std::optional<Record> quick_record(std::string_view line) {
  Cursor cursor(line);
  Record record;
  if (!read(cursor, record)) return {};
  return record;
}

}  // namespace limen::results
