// The measuring job of all ranks: cases visited in a shuffled order, round after round, until
// settled or out of time.
//
// All ranks hold the same list of cases. Rank 0 draws the order, decides when a case is settled,
// writes the run, and announces each visit; the others follow. Nothing is decided twice, so the
// ranks cannot disagree and wait for ever.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "probes/mpi_cases.hpp"
#include "probes/mpi_window.hpp"
#include "probes/mpi_world.hpp"
#include "results/store.hpp"

namespace limen::probes {

struct SessionPlan {
  std::uint64_t seed = 1;
  double seconds = 45;  // the first round is finished even so, that every case has samples
  double precision = 0.02;
  std::size_t min_visits = 10;
  BatchLimits batch;
  bool verify_only = false;  // run and check every case once, and time nothing
};

// What is known of a case beside its samples; goes into mpi-P.json.
struct CaseLog {
  std::size_t late = 0;
  double clock_error = 0;
  std::vector<double> skew_seconds;
  results::Samples barriers;  // what the barrier method gave
};

class MpiSession {
 public:
  // Collective. Only rank 0 has a writer.
  MpiSession(const SessionPlan& plan, const MpiWorld& world, std::vector<MpiCase> cases,
             std::optional<results::RunWriter> writer, double run_age);

  // At rank 0, before run(): what an earlier part of this run has measured is not measured again.
  void take_up(const results::Run& before);

  // Collective. False if a case was Invalid. `stop_requested` is asked between visits, at every
  // rank.
  bool run(bool (*stop_requested)());

  // From another thread at rank 0, while this one stands in a visit: notes why it will not end.
  void give_up(const std::string& why);

  bool interrupted() const { return interrupted_; }
  const std::vector<MpiCase>& cases() const { return cases_; }
  const std::vector<CaseLog>& logs() const { return logs_; }

 private:
  struct Group {  // the ranks that a case needs
    explicit Group(const std::vector<int>& ranks);
    SubsetRanks ranks;
    std::unique_ptr<WindowTimer> timer;  // none at a rank that is not in it
  };
  enum class State { open, settled, invalid };

  int next_case();
  void visit(std::size_t index);
  bool right_at_all(std::size_t index, bool right, const char* what_if_not);
  static void mark(results::Visit& visit, DeviceCases& devices, MPI_Comm comm);
  void judge(std::size_t index, const Batch& batch);
  void end(std::size_t index, const std::string& why);
  void conclude();
  double elapsed() const;

  SessionPlan plan_;
  const MpiWorld& world_;
  std::vector<MpiCase> cases_;
  std::optional<results::RunWriter> writer_;
  double run_age_;  // seconds between the start of the run and that of this job
  std::int64_t started_;
  std::map<std::vector<int>, std::unique_ptr<Group>> groups_;
  std::vector<results::Samples> samples_;
  std::vector<State> states_;
  std::vector<CaseLog> logs_;
  std::vector<double> stretch_;  // of each case's window: grows where ranks came late
  std::vector<int> order_;       // what is left of the round, from the back
  int round_ = 0;
  std::atomic<int> current_{-1};  // the case of the visit
  bool interrupted_ = false;
};

}  // namespace limen::probes
