// Reading a run: line by line, the visits of a case joined, its last verdict on top.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "model/error.hpp"
#include "results/records.hpp"
#include "results/store.hpp"
#include "results/text.hpp"

namespace limen::results {

namespace fs = std::filesystem;

namespace {

std::ifstream open(const fs::path& path, const char* missing) {
  std::error_code why;
  if (!fs::exists(path, why)) throw Error(path.string() + ": not there; " + missing);
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path, why))
    throw Error(fmt::format("{}: cannot be read ({})", path.string(), std::strerror(errno)));
  return in;
}

bool same(const model::Work& a, const model::Work& b) {
  return a.read == b.read && a.written == b.written && a.flops == b.flops;
}

// Joins records into measurements.
class Cases {
 public:
  explicit Cases(Run& run) : run_(run) {}

  void add(Record record, const std::string& where) {
    const auto [entry, is_new] =
        index_.try_emplace({record.about.probe, record.about.parameters}, run_.measurements.size());
    if (is_new) {
      run_.measurements.push_back(
          {record.about.probe, record.about.parameters, record.about.work, Samples{}});
      states_.emplace_back();
    }
    Measurement& m = run_.measurements[entry->second];
    State& state = states_[entry->second];
    if (!record.visit) {
      if (std::holds_alternative<Invalid>(record.about.outcome)) state.visits.clear();
      state.verdict = std::move(record.about.outcome);
      return;
    }
    if (state.visited && !same(m.work, record.about.work))
      throw Error(fmt::format("{}: {} {} claims other work than before", where, m.probe,
                              describe(m.parameters)));
    state.visited = true;
    m.work = record.about.work;
    state.visits.push_back(std::move(*record.visit));
  }

  void finish() {
    for (std::size_t i = 0; i < states_.size(); ++i) {
      Outcome& outcome = run_.measurements[i].outcome;
      State& state = states_[i];
      outcome = state.verdict ? std::move(*state.verdict)
                              : Samples{{}, "interrupted"};  // killed before its verdict
      auto* samples = std::get_if<Samples>(&outcome);
      if (!samples) continue;
      std::erase_if(state.visits, [](const Visit& v) { return v.seconds.empty(); });
      samples->visits = std::move(state.visits);
      if (samples->visits.empty() && samples->stop != "verified")
        outcome = Invalid{"ended without a sample (" + samples->stop + ")"};
    }
  }

 private:
  struct State {
    std::vector<Visit> visits;
    std::optional<Outcome> verdict;
    bool visited = false;
  };
  Run& run_;
  std::map<std::pair<std::string, Parameters>, std::size_t> index_;
  std::vector<State> states_;
};

}  // namespace

Provenance load_provenance(const fs::path& directory) {
  const fs::path facts = directory / "run.json";
  std::ifstream in =
      open(facts, "a run is a folder that `limen probe` wrote (`limen list` shows them)");
  std::ostringstream text;
  text << in.rdbuf();
  return read_run_record(text.str(), facts.string());
}

Run load_run(const fs::path& directory) {
  Run run;
  run.directory = directory;
  run.provenance = load_provenance(directory);

  const fs::path samples = directory / "samples.jsonl";
  std::ifstream in = open(samples, "the run lost its samples; measure again");
  Cases cases(run);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const bool cut_off = in.eof();  // no newline at its end: a writer was killed
    try {
      cases.add(read_record(line, samples.string(), number),
                fmt::format("{}:{}", samples.string(), number));
    } catch (const Error&) {
      if (!cut_off) throw;
      run.warnings.push_back(fmt::format("{}:{}: the last line was cut off and is left out",
                                         samples.string(), number));
    }
  }
  if (in.bad())
    throw Error(fmt::format("{}: reading failed ({})", samples.string(), std::strerror(errno)));
  cases.finish();
  return run;
}

}  // namespace limen::results
