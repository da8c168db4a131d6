// nccl-tests, what it prints and what its -J FILE writes. Sizes are in bytes, times in us, rates in
// GB/s of 1e9 bytes. A time is a mean over `iters` launches; with per-iteration timing the JSON has
// the launches themselves.
//
// An out-of-place sum all-reduce is the case gpu.allreduce; the rest goes by the program's name, as
// "nccl-tests.all_gather". Versions before 2.17 do not print that name: an all-reduce is told by
// its bus bandwidth, 2 (n - 1) / n of the algorithm's, and what is none of these is
// "nccl-tests.collective".
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "calibration/import/formats.hpp"
#include "calibration/import/json.hpp"

namespace limen::calibration::importing {

namespace {

struct Setup {
  std::string program;  // "all_reduce", or "" if the file does not say
  std::int64_t ranks = 0, iterations = 1;
  bool graph = false;
};

// One side, in or out of place, of one row.
struct Side {
  bool in_place;
  std::vector<double> seconds;
  double algorithm = 0, bus = 0;  // GB/s
  bool cpu_time = false;
  double wrong = 0;
  Place place;
};

struct Row {
  std::int64_t bytes;
  std::string type, redop, root;
  std::vector<Side> sides;
};

std::string program_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of("/\\") + 1);
  if (const auto end = name.rfind("_perf"); end != std::string::npos) name.erase(end);
  return slug(name);
}

// The largest bus bandwidth has the most digits.
bool looks_like_all_reduce(const std::vector<Row>& rows, std::int64_t ranks) {
  double best = 0, ratio = 0;
  for (const Row& row : rows)
    for (const Side& side : row.sides)
      if (row.redop != "none" && side.bus > best && side.algorithm > 0) {
        best = side.bus;
        ratio = side.bus / side.algorithm;
      }
  const double n = static_cast<double>(ranks);
  return best > 0 && std::abs(ratio / (2 * (n - 1) / n) - 1) < 0.03;
}

void check_units(const Row& row, const Side& side) {
  const double rate = static_cast<double>(row.bytes) / side.seconds[0] / 1e9;
  if (side.seconds.size() == 1 && std::abs(rate - side.algorithm) > 0.02 * rate + 0.006)
    side.place.fail(
        fmt::format("{} bytes in this time are {:.2f} GB/s, but algbw says {}: a figure "
                    "is damaged",
                    row.bytes, rate, side.algorithm));
}

void collect(Setup setup, const std::vector<Row>& rows, const Place& end, Collector& into) {
  if (setup.ranks < 1)
    end.fail("does not list its devices ('#  Rank  0 ...'); give their number with --ranks");
  if (rows.empty()) end.fail("holds no row of results; was the run cut off?");
  const bool named = !setup.program.empty();
  if (!named)
    setup.program = looks_like_all_reduce(rows, setup.ranks) ? "all_reduce" : "collective";
  const std::string launch = setup.graph ? "graph" : "stream";
  for (const Row& row : rows) {
    for (const Side& side : row.sides) {
      if (row.bytes == 0) continue;  // a size too small to divide among the ranks
      const auto bytes = static_cast<double>(row.bytes);
      About about{"gpu.allreduce",
                  {{"ranks", setup.ranks},
                   {"bytes", row.bytes},
                   {"library", std::string("nccl")},
                   {"launch", launch},
                   {"type", row.type}},
                  moves(bytes, bytes)};
      const bool all_reduce = setup.program == "all_reduce";
      if (all_reduce && named && !side.cpu_time) check_units(row, side);
      if (!all_reduce || side.in_place || side.cpu_time || row.redop != "sum") {
        about.probe = "nccl-tests." + setup.program;
        about.parameters["redop"] = row.redop;
        about.parameters["root"] = row.root;
        about.parameters["placement"] = std::string(side.in_place ? "in" : "out");
        if (side.cpu_time) about.parameters["statistic"] = std::string("cpu_time");
      }
      into.add(about, side.seconds, side.seconds.size() > 1 ? 1 : setup.iterations, side.place);
      if (side.wrong > 0)
        into.invalidate(about, fmt::format("{:.0f} wrong values in the result", side.wrong));
    }
  }
}

// The number behind a word of a line such as "# ... warmup iters: 5 iters: 20 agg iters: 1".
std::int64_t after(const std::vector<Cell>& words, const std::string& key, std::int64_t otherwise) {
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    const std::string& before = words[i - 1].text;
    if (words[i].text == key && before != "warmup" && before != "agg")
      return words[i + 1].integer();
  }
  return otherwise;
}

class Table {
 public:
  // True if the words are the headings.
  bool open(const std::vector<Cell>& words) {
    std::vector<std::string> names;
    for (std::size_t i = 1; i < words.size(); ++i) names.push_back(words[i].text);
    if (names.size() < 6 || names[0] != "size" || names[1] != "count") return false;
    headings_ = names;
    return true;
  }
  bool is_open() const { return !headings_.empty(); }

  // The line below the headings.
  static void check_units(const std::vector<Cell>& words) {
    for (const Cell& word : words)
      if (word.text.front() == '(' && word.text != "(B)" && word.text != "(elements)" &&
          word.text != "(us)" && word.text != "(GB/s)" && word.text != "(%)")
        word.place.fail(fmt::format("a unit that nccl-tests does not print: {}", word.text));
  }

  Row row(std::vector<Cell> words) const {
    std::vector<std::string> headings = headings_;
    // Time stamps have a heading but two words; old versions print no reduction where there is
    // none.
    if (headings.back() == "timestamp") {
      headings.pop_back();
      if (words.size() > headings.size()) words.resize(headings.size());
    }
    const auto redop = std::find(headings.begin(), headings.end(), "redop");
    const auto at = static_cast<std::size_t>(redop - headings.begin());
    if (words.size() + 1 == headings.size() && at < words.size() &&
        words[at].text.find_first_not_of("-0123456789.") == std::string::npos)
      headings.erase(redop);
    if (words.size() != headings.size())
      words[0].place.fail(fmt::format("{} figures under {} headings; is the line cut off?",
                                      words.size(), headings.size()));
    Row row{words[0].integer(), "", "none", "-1", {}};
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string& heading = headings[i];
      const Cell& word = words[i];
      if (heading == "type") row.type = word.text;
      if (heading == "redop") row.redop = word.text;
      if (heading == "root") row.root = word.text;
      if (heading == "time" || heading == "cputime") {
        row.sides.push_back(
            {!row.sides.empty(), {word.number() / 1e6}, 0, 0, heading == "cputime", 0, word.place});
      } else if (!row.sides.empty()) {
        Side& side = row.sides.back();
        if (heading == "algbw") side.algorithm = word.number();
        if (heading == "busbw") side.bus = word.number();
        if ((heading == "#wrong" || heading == "error") && word.text != "N/A")
          side.wrong =
              heading == "#wrong" ? word.number() : 0;  // old: rounding error of the result
      }
    }
    return row;
  }

 private:
  std::vector<std::string> headings_;
};

void read_text(const Source& source, const Unsaid& unsaid, Collector& into) {
  Setup setup;
  Table table;
  std::vector<Row> rows;
  std::int64_t devices = 0;
  bool concluded = false;
  for (const Line& line : lines_of(source)) {
    const std::vector<Cell> words = words_of(source, line);
    if (words.empty() || line.text.find(" NCCL ") != std::string::npos ||
        words[0].text == "NCCL")  // its log, when NCCL_DEBUG is set
      continue;
    if (words[0].text[0] != '#') {
      if (table.is_open()) rows.push_back(table.row(words));
      continue;  // what a launcher says before
    }
    const auto is = [&](std::size_t i, const char* word) {
      return words.size() > i && words[i].text == word;
    };
    if (is(1, "nccl-tests") && words.size() > 3) into.version = words[3].text;
    if (is(1, "Collective") && is(3, "starting:") && words.size() > 4)
      setup.program = program_of(words[4].text);
    setup.iterations = std::max<std::int64_t>(1, after(words, "iters:", setup.iterations));
    setup.graph = setup.graph || after(words, "graph:", 0) > 0;
    if (is(1, "Rank")) {
      ++devices;
      const std::size_t at = line.text.find(']');
      if (at != std::string::npos) into.device = trimmed(line.text.substr(at + 1));
    }
    if (!table.open(words) && table.is_open() && is(1, "(B)")) Table::check_units(words);
    concluded = concluded || line.text.find("Avg bus bandwidth") != std::string::npos;
  }
  setup.ranks = devices > 0 ? devices : unsaid.ranks.value_or(0);
  if (!table.is_open()) source.at(0).fail("has no table of results ('#  size  count  type ...')");
  if (!concluded)
    into.notes.push_back(source.file + ": ends before its summary; rows may be missing");
  collect(setup, rows, source.at(0), into);
}

Side side_of(const Json& result, const char* key, bool in_place) {
  const Json json = result.need(key);
  const bool cpu = !json.find("time").has_value();
  const Json time = json.need(cpu ? "cpu_time" : "time");
  // It writes a rate that is not a number as a text.
  const auto rate = [&](const char* name) {
    const Json value = json.need(name);
    return value.is_text() ? Cell{value.text(), value.place()}.number() : value.number();
  };
  Side side{in_place, {time.number() / 1e6}, rate("alg_bw"), rate("bus_bw"), cpu, 0, time.place()};
  if (const auto wrong = json.find("nwrong")) side.wrong = wrong->number();
  if (const auto each = result.find(std::string(key) + "_per_iter")) {
    const std::int64_t skipped = each->need("skipped_iterations").integer();
    const std::vector<Json> times = each->need("times_us").items();
    side.seconds.clear();
    for (std::size_t i = static_cast<std::size_t>(skipped); i < times.size(); ++i)
      side.seconds.push_back(times[i].number() / 1e6);
    if (side.seconds.empty()) each->fail("every iteration is skipped");
  }
  return side;
}

void read_json(const Source& source, const Unsaid& unsaid, Collector& into) {
  const Json root = Json::parse(source, source.text);
  Setup setup;
  const std::vector<Json> arguments = root.need("args").items();
  if (!arguments.empty()) setup.program = program_of(arguments[0].text());
  if (const auto started = root.find("start_time")) into.started = started->text();
  into.version = fmt::format("NCCL {}", root.need("nccl_version").integer());
  const Json config = root.need("config");
  setup.iterations = std::max<std::int64_t>(1, config.need("iterations").integer());
  setup.graph = config.need("graph").integer() > 0;
  const std::vector<Json> devices = config.need("devices").items();
  setup.ranks =
      devices.empty() ? unsaid.ranks.value_or(0) : static_cast<std::int64_t>(devices.size());
  if (!devices.empty()) into.device = devices[0].need("device_info").text();
  std::vector<Row> rows;
  for (const Json& result : root.need("results").items()) {
    Row row{result.need("size").integer(),
            result.need("type").text(),
            result.need("redop").text(),
            trimmed(result.need("root").text()),
            {}};
    for (const auto& [key, in_place] : {std::pair{"out_of_place", false}, {"in_place", true}})
      if (result.find(key)) row.sides.push_back(side_of(result, key, in_place));
    rows.push_back(std::move(row));
  }
  collect(setup, rows, source.at(0), into);
}

bool is_json(const Source& source) { return source.contains("\"nccl_version\""); }

bool recognises(const Source& source) {
  return is_json(source) || source.contains("algbw") || source.contains("# nThread") ||
         source.contains("# nccl-tests");
}

void read(const Source& source, const Unsaid& unsaid, Collector& into) {
  (is_json(source) ? read_json : read_text)(source, unsaid, into);
}

}  // namespace

const Format nccl_tests{"nccl-tests", "us, GB/s of 1e9 bytes", recognises, read};

}  // namespace limen::calibration::importing
