// Google Benchmark, --benchmark_format=json. Times are per iteration, in the entry's time_unit; the
// wall time is taken, not the CPU time. Every repetition is a sample, a mean of `iterations`; of a
// file that holds aggregates alone, the median. bytes_per_second and items_per_second count against
// the CPU time, unless the name says real_time or manual_time.
//
// What `limen export --gbench` wrote goes back under the names that it had: the name of an entry is
// the probe and its parameters, and items are flops. A foreign name is "gbench." and its first
// part; arguments without a name are arg0, arg1 ...
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "calibration/import/formats.hpp"
#include "calibration/import/json.hpp"

namespace limen::calibration::importing {

namespace {

bool recognises(const Source& source) {
  return source.contains("\"benchmarks\"") && source.contains("\"context\"");
}

bool whole(const std::string& text) {
  return !text.empty() && text.size() <= 18 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

results::ParameterValue value_of(const std::string& text) {
  if (whole(text)) return static_cast<std::int64_t>(std::stoll(text));
  return text;
}

struct Entry {
  About about;
  double seconds, cpu_seconds;
  std::int64_t iterations;
};

class Reader {
 public:
  Reader(const Source& source, Collector& into)
      : root_(Json::parse(source, source.text)), into_(into) {}

  void read() {
    const Json context = root_.need("context");
    if (const auto date = context.find("date")) into_.started = date->text();
    if (const auto host = context.find("host_name")) into_.host = host->text();
    if (const auto program = context.find("executable"))
      ours_ = program->text().rfind("limen ", 0) == 0;
    if (const auto version = context.find("library_version")) into_.version = version->text();
    const std::vector<Json> entries = root_.need("benchmarks").items();
    std::set<std::string> sampled;
    for (const Json& e : entries)
      if (is_sample(e)) sampled.insert(name_of(e));
    for (const Json& e : entries) {
      const auto error = e.find("error_occurred");
      const auto skipped = e.find("skipped");
      if ((error && error->boolean()) || (skipped && skipped->boolean())) {
        const auto why = e.find(error ? "error_message" : "skip_message");
        into_.skip(about_of(e), why ? why->text() : "no reason given");
      } else if (is_sample(e)) {
        sample(e);
      } else if (!sampled.count(name_of(e)) && e.need("aggregate_name").text() == "median") {
        sample(e);
      }
    }
    flush();
  }

 private:
  static std::string name_of(const Json& e) {
    const auto run = e.find("run_name");
    return run ? run->text() : e.need("name").text();
  }
  static bool is_sample(const Json& e) {
    const auto type = e.find("run_type");
    return !type || type->text() == "iteration";
  }

  About about_of(const Json& e) const {
    About about;
    const std::string name = name_of(e);
    std::size_t part = 0;
    for (std::size_t at = 0; at <= name.size(); ++part) {
      const std::size_t end = std::min(name.find('/', at), name.size());
      const std::string piece = name.substr(at, end - at);
      const std::size_t colon = piece.find(':');
      if (part == 0) {
        about.probe = (ours_ ? "" : "gbench.") + piece;
      } else if (colon != std::string::npos && colon > 0) {
        if (piece.substr(0, colon) != "repeats" || ours_)
          about.parameters[piece.substr(0, colon)] = value_of(piece.substr(colon + 1));
      } else if (whole(piece)) {
        about.parameters[fmt::format("arg{}", part - 1)] = value_of(piece);
      } else if (!piece.empty()) {
        about.parameters[piece] = std::string("yes");
      }
      at = end + 1;
    }
    if (about.probe.empty() || about.probe == "gbench.") e.fail("the entry has no name");
    return about;
  }

  static double unit_of(const Json& e) {
    const auto unit = e.find("time_unit");
    if (!unit || unit->text() == "ns") return 1e9;
    if (unit->text() == "us") return 1e6;
    if (unit->text() == "ms") return 1e3;
    if (unit->text() == "s") return 1;
    unit->fail("a unit of time that is none of ns, us, ms and s");
  }

  void sample(const Json& e) {
    About about = about_of(e);
    const double unit = unit_of(e), seconds = e.need("real_time").number() / unit;
    const auto& name = about.parameters;
    const bool wall = name.count("real_time") || name.count("manual_time");
    const auto cpu = e.find("cpu_time");
    const double counted = wall || !cpu ? seconds : cpu->number() / unit;
    const auto count = [&](const char* key) {
      const auto rate = e.find(key);
      return rate ? std::round(rate->number() * counted) : 0.0;
    };
    about.work = moves(count("bytes_per_second"), 0, ours_ ? count("items_per_second") : 0);
    const std::int64_t inner = e.need("iterations").integer();
    if (pending_.empty() || about.probe != about_.probe || about.parameters != about_.parameters ||
        inner != inner_) {
      flush();
      about_ = about;
      inner_ = inner;
    }
    place_ = e.need("real_time").place();
    check_time(seconds, about.probe, place_);
    pending_.push_back(seconds);
  }
  void flush() {
    if (!pending_.empty()) into_.add(about_, pending_, inner_, place_);
    pending_.clear();
  }

  Json root_;
  Collector& into_;
  bool ours_ = false;
  About about_;  // of the samples that wait for more of their visit
  std::int64_t inner_ = 0;
  Place place_;
  std::vector<double> pending_;
};

void read(const Source& source, const Unsaid&, Collector& into) { Reader(source, into).read(); }

}  // namespace

const Format gbench{"gbench", "time_unit of each entry", recognises, read};

}  // namespace limen::calibration::importing
