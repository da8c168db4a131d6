#include "probes/mpi_session.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "probes/mpi_clock.hpp"
#include "probes/mpi_watch.hpp"
#include "results/statistics.hpp"

namespace limen::probes {

MpiSession::Group::Group(const std::vector<int>& members) : ranks(members) {
  // The ranks that a case leaves out spin meanwhile, so all of the job count.
  const std::uint32_t marks = oversubscribed(MPI_COMM_WORLD) ? results::oversubscribed : 0u;
  if (ranks.comm() == MPI_COMM_NULL) return;
  timer = std::make_unique<WindowTimer>(ranks.comm(), marks);
}

MpiSession::MpiSession(const SessionPlan& plan, const MpiWorld& world, std::vector<MpiCase> cases,
                       std::optional<results::RunWriter> writer, double run_age)
    : plan_(plan),
      world_(world),
      cases_(std::move(cases)),
      writer_(std::move(writer)),
      run_age_(run_age),
      started_(clock_now()),
      samples_(cases_.size()),
      states_(cases_.size(), State::open),
      logs_(cases_.size()),
      stretch_(cases_.size(), 1.0) {
  for (const MpiCase& c : cases_) {
    auto& group = groups_[c.subset.ranks];
    if (!group) group = std::make_unique<Group>(c.subset.ranks);
  }
}

double MpiSession::elapsed() const { return static_cast<double>(clock_now() - started_) * 1e-9; }

void MpiSession::take_up(const results::Run& before) {
  for (const auto& m : before.measurements) {
    const auto found = std::find_if(cases_.begin(), cases_.end(), [&m](const MpiCase& c) {
      return c.probe == m.probe && c.parameters() == m.parameters;
    });
    const auto* samples = std::get_if<results::Samples>(&m.outcome);
    if (found == cases_.end() || (!samples && !std::holds_alternative<results::Invalid>(m.outcome)))
      continue;
    const auto i = static_cast<std::size_t>(found - cases_.begin());
    if (samples) samples_[i] = *samples;
    if (!samples) states_[i] = State::invalid;
    if (samples && samples->stop != "interrupted") states_[i] = State::settled;
  }
}

bool MpiSession::run(bool (*stop_requested)()) {
  for (std::uint64_t number = 1;; ++number) {
    int stop = stop_requested() ? 1 : 0, any = 0;
    MPI_Reduce(&stop, &any, 1, MPI_INT, MPI_MAX, 0, MPI_COMM_WORLD);
    if (any != 0) interrupted_ = true;
    int next = world_.rank() == 0 && !interrupted_ ? next_case() : -1;
    MPI_Bcast(&next, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (next < 0) break;
    current_ = next;
    const auto& group = groups_.at(cases_[static_cast<std::size_t>(next)].subset.ranks);
    begin_visit(number, group->timer != nullptr);
    visit(static_cast<std::size_t>(next));
  }
  if (world_.rank() == 0) conclude();
  int flags[2] = {interrupted_ ? 1 : 0, 0};
  for (State s : states_) flags[1] |= s == State::invalid ? 1 : 0;
  MPI_Bcast(flags, 2, MPI_INT, 0, MPI_COMM_WORLD);
  interrupted_ = flags[0] != 0;
  return flags[1] == 0;
}

// -1 when there is nothing left to do, or no time for it.
int MpiSession::next_case() {
  for (;;) {
    if (round_ > 1 && elapsed() > plan_.seconds) return -1;
    while (!order_.empty()) {
      const int index = order_.back();
      order_.pop_back();
      if (states_[static_cast<std::size_t>(index)] == State::open) return index;
    }
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      if (states_[i] == State::open) order_.push_back(static_cast<int>(i));
    }
    if (order_.empty()) return -1;
    std::mt19937_64 random(plan_.seed + static_cast<std::uint64_t>(round_++));
    std::shuffle(order_.begin(), order_.end(), random);
  }
}

void MpiSession::visit(std::size_t index) {
  const MpiCase& c = cases_[index];
  const Group& group = *groups_.at(c.subset.ranks);
  if (!group.timer) return;
  std::unique_ptr<kernels::mpi::Operation> operation;
  try {
    operation = c.operation(group.ranks.comm());
  } catch (const CannotRun& e) {  // thrown at all of them
    if (world_.rank() != 0) return;
    states_[index] = State::settled;
    writer_->verdict(c.probe, c.parameters(), c.work(), results::Skipped{e.what()});
    return;
  }
  if (!right_at_all(index, operation->verify(), "has a wrong result")) return;
  if (plan_.verify_only) {
    if (world_.rank() == 0) end(index, "verified");
    return;
  }
  BatchLimits limits = plan_.batch;
  limits.stretch = stretch_[index];
  Batch batch = group.timer->time(*operation, limits);
  if (!right_at_all(index, operation->intact(), "waited in vain for another")) return;
  if (c.has_barrier_method())
    batch.barriers = group.timer->time_between_barriers(*operation, limits);
  if (c.devices != nullptr) mark(batch.visit, *c.devices, group.ranks.comm());
  if (world_.rank() == 0) judge(index, batch);
}

// Collective over the ranks of a case, which is over, with a verdict, if one is not right.
bool MpiSession::right_at_all(std::size_t index, bool right, const char* what_if_not) {
  const MpiCase& c = cases_[index];
  MPI_Comm comm = groups_.at(c.subset.ranks)->ranks.comm();
  const int mine = right ? 1 : 0;
  std::vector<int> all(static_cast<std::size_t>(c.ranks()));
  MPI_Gather(&mine, 1, MPI_INT, all.data(), 1, MPI_INT, 0, comm);
  const auto first_wrong = std::find(all.begin(), all.end(), 0) - all.begin();
  int wrong = world_.rank() == 0 && first_wrong < c.ranks() ? 1 : 0;
  MPI_Bcast(&wrong, 1, MPI_INT, 0, comm);
  if (wrong == 0) return true;
  if (world_.rank() == 0) {
    states_[index] = State::invalid;
    writer_->verdict(c.probe, c.parameters(), c.work(),
                     results::Invalid{fmt::format(
                         "rank {} {}", c.subset.ranks[std::size_t(first_wrong)], what_if_not)});
  }
  return false;
}

// Adds what any rank has to say of its device; the samples are rank 0's.
void MpiSession::mark(results::Visit& visit, DeviceCases& devices, MPI_Comm comm) {
  const std::uint32_t mine = devices.marks();
  std::uint32_t any = 0;
  MPI_Reduce(&mine, &any, 1, MPI_UINT32_T, MPI_BOR, 0, comm);
  for (std::uint32_t& marks : visit.marks) marks |= any;
}

void MpiSession::judge(std::size_t index, const Batch& batch) {
  const MpiCase& c = cases_[index];
  const model::Work work = c.work();
  if (batch.left_early > 0) {
    states_[index] = State::invalid;
    writer_->verdict(c.probe, c.parameters(), work,
                     results::Invalid{fmt::format(
                         "in {} of {} repetitions a rank left before the last one entered",
                         batch.left_early, batch.skew_seconds.size())});
    return;
  }
  results::Visit visit = batch.visit;
  visit.at = run_age_ + elapsed();
  writer_->visit(c.probe, c.parameters(), work, visit);

  CaseLog& log = logs_[index];
  if (!batch.barriers.seconds.empty()) {
    log.barriers.visits.push_back(batch.barriers);
    log.barriers.visits.back().at = visit.at;
    writer_->visit(c.probe, c.between_barriers(), work, log.barriers.visits.back());
  }
  log.late += batch.late;
  log.clock_error = std::max(log.clock_error, batch.clock_error);
  log.skew_seconds.insert(log.skew_seconds.end(), batch.skew_seconds.begin(),
                          batch.skew_seconds.end());
  if (batch.late * 10 > batch.skew_seconds.size())
    stretch_[index] = std::min(8.0, stretch_[index] * 1.5);

  results::Samples& samples = samples_[index];
  samples.visits.push_back(std::move(visit));
  if (samples.visits.size() < plan_.min_visits) return;
  if (results::summarize(samples).relative_half_width() > plan_.precision) return;
  end(index, "settled");
}

// What was measured of the case stands, if anything was.
void MpiSession::end(std::size_t index, const std::string& why) {
  const MpiCase& c = cases_[index];
  states_[index] = State::settled;
  const bool nothing = samples_[index].visits.empty() && !plan_.verify_only;
  writer_->verdict(c.probe, c.parameters(), c.work(),
                   nothing ? results::Outcome(results::Skipped{why}) : results::Samples{{}, why});
  if (!logs_[index].barriers.visits.empty())
    writer_->verdict(c.probe, c.between_barriers(), c.work(), results::Samples{{}, why});
}

void MpiSession::give_up(const std::string& why) {
  if (const int index = current_; index >= 0 && writer_) end(static_cast<std::size_t>(index), why);
}

void MpiSession::conclude() {
  for (std::size_t i = 0; i < cases_.size(); ++i)
    if (states_[i] == State::open) end(i, interrupted_ ? "interrupted" : "time budget");
}

}  // namespace limen::probes
