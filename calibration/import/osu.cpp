// OSU micro-benchmarks, and what `limen export --osu` prints in their form. Sizes are in bytes,
// times in us, rates in MB/s of 1e6 bytes. The figure of a row is its mean over the iterations, or
// the P50 column of -z where there is one; the other columns (-f: the fastest and slowest rank's
// mean; -z: percentiles) are cases of their own, told apart by `statistic`.
//
// The collectives that limen measures, the latency test and the barrier go by limen's names; an
// all-reduce of device memory is gpu.allreduce; the rest goes by its title, as "osu.bandwidth".
// limen's size is the longest vector at a rank. OSU's is that for an all-reduce, a reduce-scatter
// and a broadcast, but what one rank contributes to an all-gather, and one of the p messages of an
// all-to-all. The number of ranks of a collective is not printed.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "calibration/import/formats.hpp"

namespace limen::calibration::importing {

namespace {

// What limen's own probes ask as well, by OSU's title.
struct Own {
  const char *name, *probe;
  bool of_block;  // OSU's size is a p-th of limen's
};
constexpr Own own[] = {{"allreduce_latency", "mpi.allreduce", false},
                       {"allgather_latency", "mpi.allgather", true},
                       {"reduce_scatter_latency", "mpi.reducescatter", false},
                       {"all_to_all_personalized_exchange_latency", "mpi.alltoall", true},
                       {"broadcast_latency", "mpi.broadcast", false},
                       {"latency", "mpi.pingpong", false},
                       {"barrier_latency", "mpi.barrier", false},
                       {"allreduce_latency_of_threads", "sync.allreduce", false}};

bool recognises(const Source& source) { return source.contains("# OSU"); }

enum class Kind { time, rate, iterations, validation, other };

struct Column {
  Kind kind;
  std::string statistic;  // "" is the figure of the row
};

// The column under a heading, blanks left out; nothing if OSU prints no such heading.
std::optional<Column> column_of(const std::string& heading) {
  static const std::map<std::string, Column> known = {
      {"AvgLatency(us)", {Kind::time, ""}},
      {"Latency(us)", {Kind::time, ""}},
      {"Overall(us)", {Kind::time, ""}},
      {"Bandwidth(MB/s)", {Kind::rate, ""}},
      {"MB/s", {Kind::rate, ""}},
      {"MinLatency(us)", {Kind::time, "fastest_rank"}},
      {"MaxLatency(us)", {Kind::time, "slowest_rank"}},
      {"Compute(us)", {Kind::time, "compute"}},
      {"Coll.Init(us)", {Kind::time, "init"}},
      {"MPI_Test(us)", {Kind::time, "test"}},
      {"MPI_Wait(us)", {Kind::time, "wait"}},
      {"PureComm.(us)", {Kind::time, "communication"}},
      {"MinComm.(us)", {Kind::time, "communication_fastest_rank"}},
      {"MaxComm.(us)", {Kind::time, "communication_slowest_rank"}},
      {"Iterations", {Kind::iterations, ""}},
      {"Validation", {Kind::validation, ""}},
      {"Messages/s", {Kind::other, ""}},
      {"Overlap(%)", {Kind::other, ""}},
      {"TransmitSize", {Kind::other, ""}}};
  if (const auto found = known.find(heading); found != known.end()) return found->second;
  const std::size_t tail = heading.find("Tail");
  if (heading[0] == 'P' && tail != std::string::npos && tail > 1) {
    const std::string percentile = heading.substr(1, tail - 1), what = heading.substr(tail);
    if (percentile.find_first_not_of("0123456789") == std::string::npos &&
        (what == "TailLat(us)" || what == "TailBW(MB/s)"))
      return Column{what == "TailLat(us)" ? Kind::time : Kind::rate, "p" + percentile};
  }
  return {};
}

// The headings are set apart by two blanks or more. Empty if the line is another comment.
std::vector<Column> headings_of(const Source& source, const Line& line, bool& sized) {
  std::vector<std::string> names;
  std::size_t at = line.text.find_first_not_of("# \t");
  while (at < line.text.size()) {
    const std::size_t end =
        std::min({line.text.find("  ", at), line.text.find('\t', at), line.text.size()});
    std::string name;
    for (const char c : line.text.substr(at, end - at))
      if (c != ' ') name += c;
    names.push_back(name);
    at = line.text.find_first_not_of(" \t", end);
  }
  sized = !names.empty() && names[0] == "Size";
  if (sized) names.erase(names.begin());
  std::vector<Column> columns;
  for (const std::string& name : names) {
    const auto column = column_of(name);
    if (!column && !sized && columns.empty()) return {};
    if (!column)
      source.at(line.number).fail(fmt::format("a column that OSU does not print: '{}'", name));
    columns.push_back(*column);
  }
  if (sized && (columns.empty() || !columns[0].statistic.empty()))
    source.at(line.number).fail("names no latency or bandwidth behind the size");
  return columns;
}

class Reader {
 public:
  Reader(const Source& source, const Unsaid& unsaid, Collector& into)
      : source_(source), unsaid_(unsaid), into_(into) {}

  void read() {
    for (const Line& line : lines_of(source_)) {
      const std::vector<Cell> words = words_of(source_, line);
      if (words.empty()) continue;
      if (line.text.rfind("# OSU", 0) == 0) {
        title(words);
      } else if (words[0].text[0] == '#') {
        comment(line, words);
      } else if (!probe_.empty()) {
        row(words);  // before the title, a launcher may talk
      }
    }
    if (into_.empty()) source_.at(0).fail("holds no row of figures; was the run cut off?");
  }

 private:
  // "# OSU MPI-CUDA Allreduce Latency Test v7.4", "# OSU-style MPI Latency (limen 0.1.0), 2 ranks".
  void title(const std::vector<Cell>& words) {
    std::string transport, name;
    ranks_.reset();
    threads_.reset();
    const bool ours = words[1].text == "OSU-style";
    for (std::size_t i = 2; i < words.size(); ++i) {
      const std::string& word = words[i].text;
      if (word.rfind("MPI", 0) == 0 && i == 2) {
        transport = word.substr(3);
      } else if (word[0] == '(' && ours) {
        into_.version = "as printed by limen";
        if (i + 3 < words.size())
          (words[i + 3].text == "threads" ? threads_ : ranks_) = words[i + 2].integer();
        break;
      } else if (word[0] == 'v' && word.size() > 1 &&
                 std::isdigit(static_cast<unsigned char>(word[1])) != 0) {
        into_.version = word.substr(1);
      } else if (word != "Test") {
        name += " " + word;
      }
    }
    name_ = slug(transport + " " + name);
    const bool two = name_.rfind("latency", 0) == 0 || name_.rfind("bandwidth", 0) == 0 ||
                     name_.rfind("bi_directional", 0) == 0 || transport.rfind('_', 0) == 0;
    if (two && !ranks_) ranks_ = 2;
    if (!ranks_ && !threads_) ranks_ = unsaid_.ranks;
    const bool of_device = transport.rfind('-', 0) == 0 &&
                           name_.find("_allreduce_latency") != std::string::npos &&
                           name_.find("blocking") == std::string::npos;
    probe_ = of_device ? "gpu.allreduce" : "osu." + name_;
    of_block_ = false;
    for (const Own& o : own)
      if (name_ == o.name) probe_ = o.probe, of_block_ = o.of_block;
    columns_.clear();
  }

  void comment(const Line& line, const std::vector<Cell>& words) {
    if (probe_.empty()) return;
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      if (words[i].text == "pairs:") ranks_ = 2 * words[i + 1].integer();
    bool sized = false;
    if (auto columns = headings_of(source_, line, sized); !columns.empty()) {
      columns_ = std::move(columns);
      sized_ = sized;
    }
  }

  // `statistic`: empty for the figure of a row.
  About about(std::int64_t bytes, const std::string& statistic, const Place& place) const {
    About a{statistic.empty() ? probe_ : "osu." + name_, {}, {}};
    if (!statistic.empty()) a.parameters["statistic"] = statistic;
    if (threads_) {
      a.parameters["threads"] = *threads_;
    } else {
      if (!ranks_)
        place.fail("OSU does not print how many ranks a collective ran on: give it with --ranks");
      a.parameters["ranks"] = *ranks_;
    }
    if (probe_ == "gpu.allreduce") {
      a.parameters["library"] = std::string("mpi");
      a.parameters["launch"] = std::string("stream");
    }
    if (of_block_ && statistic.empty() && __builtin_mul_overflow(bytes, *ranks_, &bytes))
      place.fail("so many bytes at so many ranks are no vector");
    if (bytes > 0) a.parameters["bytes"] = bytes;
    const auto size = static_cast<double>(bytes);
    if (bytes > 0) a.work = moves(size, size);
    return a;
  }

  void row(const std::vector<Cell>& words) {
    if (columns_.empty()) words[0].place.fail("a figure above the line that says what it is");
    const std::size_t first = sized_ ? 1 : 0;
    if (words.size() != columns_.size() + first)
      words[0].place.fail(fmt::format("{} figures under {} headings; is the line cut off?",
                                      words.size(), columns_.size() + first));
    const std::int64_t bytes = sized_ ? words[0].integer() : 0;
    bool median = false, wrong = false;
    std::int64_t iterations = 1;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const Cell& word = words[c + first];
      median = median || columns_[c].statistic == "p50";
      if (columns_[c].kind == Kind::iterations)
        iterations = std::max<std::int64_t>(1, word.integer());
      if (columns_[c].kind == Kind::validation) {
        wrong = word.text != "Pass";
        if (wrong && word.text != "Fail") word.place.fail("expected Pass or Fail");
      }
    }
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const Column& column = columns_[c];
      const Cell& word = words[c + first];
      if (column.kind == Kind::other) (void)word.number();
      if (column.kind != Kind::time && column.kind != Kind::rate) continue;
      const bool figure = column.statistic == (median ? "p50" : "");
      const About a = about(bytes,
                            figure                     ? ""
                            : column.statistic.empty() ? "mean"
                                                       : column.statistic,
                            word.place);
      const double value = word.number();
      if (value == 0 && !column.statistic.empty() && !figure) continue;  // no time at all: left out
      if (value == 0)
        word.place.fail("0 is no figure that was measured; it is below the resolution");
      const double seconds =
          column.kind == Kind::time ? value / 1e6 : static_cast<double>(bytes) / (value * 1e6);
      const bool mean =
          column.statistic.empty() || column.statistic.find("rank") != std::string::npos;
      into_.add(a, {seconds}, mean ? iterations : 1, word.place);
      if (wrong) into_.invalidate(a, "OSU's validation of the result failed");
    }
  }

  const Source& source_;
  const Unsaid& unsaid_;
  Collector& into_;
  std::string name_, probe_;  // of the table being read
  std::optional<std::int64_t> ranks_, threads_;
  std::vector<Column> columns_;
  bool sized_ = false, of_block_ = false;
};

void read(const Source& source, const Unsaid& unsaid, Collector& into) {
  Reader(source, unsaid, into).read();
}

}  // namespace

const Format osu{"osu", "us, MB/s of 1e6 bytes", recognises, read};

}  // namespace limen::calibration::importing
