// Synchronization: flags, barriers, hops, and the collectives by number of ranks and size.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "calibration/laws.hpp"
#include "calibration/segments.hpp"

namespace limen::calibration {

namespace {

const Estimate itself = [](const std::vector<double>& seconds) { return seconds; };

std::optional<model::Parameter<model::Seconds>> time_of(const Draft& draft, const Observation* o) {
  if (!o) return {};
  return parameter(draft, model::seconds, o->seconds, bootstrap({o}, itself)[0],
                   model::Evidence::measured);
}

// Message sizes and times of one collective, by size.
struct Messages {
  Cases cases;
  std::vector<double> bytes, seconds;
};

Messages messages_of(Cases cases) {
  std::erase_if(cases, [](const Observation* o) { return o->number("bytes") <= 0; });
  std::sort(cases.begin(), cases.end(), [](const Observation* a, const Observation* b) {
    return a->number("bytes") < b->number("bytes");
  });
  Messages m{cases, {}, seconds_of(cases)};
  for (const Observation* o : cases) m.bytes.push_back(o->number("bytes"));
  return m;
}

struct FittedLine {
  Line line;
  results::Interval intercept, slope;  // 90 %
  std::vector<double> errors;
  std::optional<double> held_out;
};

FittedLine fit_piece(const Messages& m, Segment piece) {
  FittedLine fitted{robust_line(m.bytes, m.seconds, piece), {}, {}, {}, {}};
  const Cases inside(m.cases.begin() + static_cast<std::ptrdiff_t>(piece.first),
                     m.cases.begin() + static_cast<std::ptrdiff_t>(piece.last + 1));
  const std::vector<double> sizes(m.bytes.begin() + static_cast<std::ptrdiff_t>(piece.first),
                                  m.bytes.begin() + static_cast<std::ptrdiff_t>(piece.last + 1));
  const auto visits = bootstrap(inside, [&](const std::vector<double>& t) {
    const Line line = robust_line(sizes, t, {0, sizes.size() - 1});
    return std::vector<double>{line.intercept, line.slope};
  });
  // The wider of what visits say (bootstrap) and what the misfit of the line says (standard error).
  const auto wider = [](double value, double error, const results::Interval& i) {
    const double reach = std::isfinite(error) ? z90 * error : 0;
    return results::Interval{std::max(0.0, std::min(i.low, value - reach)),
                             std::max(i.high, value + reach)};
  };
  fitted.intercept = wider(fitted.line.intercept, fitted.line.intercept_error, visits[0]);
  fitted.slope = wider(fitted.line.slope, fitted.line.slope_error, visits[1]);
  std::vector<int> each;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    fitted.errors.push_back(fitted.line.at(sizes[i]) / inside[i]->seconds - 1);
    each.push_back(static_cast<int>(i));
  }
  if (sizes.size() >= 3)
    fitted.held_out = held_out_error(each, [&](const std::vector<bool>& keep) {
      std::vector<double> x, t, errors;
      for (std::size_t i = 0; i < sizes.size(); ++i)
        if (keep[i]) x.push_back(sizes[i]), t.push_back(inside[i]->seconds);
      const Line line = robust_line(x, t, {0, x.size() - 1});
      for (std::size_t i = 0; i < sizes.size(); ++i)
        errors.push_back(line.at(sizes[i]) / inside[i]->seconds - 1);
      return errors;
    });
  return fitted;
}

// Cases of one node by number of ranks; of ranks that were measured on one socket and on several,
// those of one.
std::map<int, Cases> by_ranks(const Observations& observed, const std::string& probe,
                              const std::string& key) {
  std::map<int, Cases> found;
  for (const Observation* o : observed.of(probe)) {
    if (o->number(key) < 2 || o->number("nodes") > 1) continue;
    Cases& cases = found[static_cast<int>(o->number(key))];
    if (!cases.empty() && o->number("sockets") < cases[0]->number("sockets")) cases.clear();
    if (cases.empty() || o->number("sockets") == cases[0]->number("sockets")) cases.push_back(o);
  }
  return found;
}

// Of each size the fastest variant: libraries, ways to launch and types differ in what they leave
// of the machine.
void keep_fastest(Cases& cases) {
  std::map<double, const Observation*> best;
  for (const Observation* o : cases) {
    const Observation*& at = best[o->number("bytes")];
    if (!at || o->seconds < at->seconds) at = o;
  }
  cases.clear();
  for (const auto& [bytes, o] : best) cases.push_back(o);
}

// Threads stand in where no ranks were measured.
std::map<int, Cases> between_hosts(const Observations& observed, Draft& draft) {
  std::map<int, Cases> by_count = by_ranks(observed, "mpi.allreduce", "ranks");
  for (auto& [threads, cases] : by_ranks(observed, "sync.allreduce", "threads"))
    if (by_count.try_emplace(threads, cases).second)
      draft.notes.push_back(fmt::format(
          "sync.all_reduce of {} ranks: from threads of one process, as no ranks were measured",
          threads));
  return by_count;
}

void fit_hop(const Observations& observed, Draft& draft) {
  const std::map<int, Cases> pairs = by_ranks(observed, "mpi.pingpong", "ranks");
  const auto found = pairs.find(2);
  if (found == pairs.end() || !fit_hop_law(draft, "sync.pp", found->second, draft.machine.sync_pp,
                                           draft.machine.sync_pp_bandwidth))
    draft.machine.unidentified.emplace_back(
        "sync.pp, sync.pp_bandwidth: no mpi.pingpong over several sizes was measured");
}

}  // namespace

void fit_collective(Draft& draft, const std::string& key, int ranks, const Cases& cases,
                    std::vector<model::CollectivePiece>& laws) {
  const Messages m = messages_of(cases);
  auto& missing = draft.machine.unidentified;
  if (m.cases.size() < 2) {
    missing.push_back(fmt::format("{} of {} ranks: one message size only", key, ranks));
    return;
  }
  const auto pieces =
      cut_by_bic(m.bytes.size(), {.most = 3, .least_points = 2, .parameters = 2, .noise = 0.02},
                 [&](std::size_t i, std::size_t j) {
                   return fit_line(m.bytes, m.seconds, {i, j}).squares;
                 })
          .segments;
  std::vector<double> errors;
  double squares = 0, points = 0;
  for (std::size_t k = 0; k < pieces.size(); ++k) {
    const FittedLine fitted = fit_piece(m, pieces[k]);
    const std::string which =
        fmt::format("{} of {} ranks from {:.0f} bytes", key, ranks, m.bytes[pieces[k].first]);
    model::CollectivePiece piece;
    piece.ranks = ranks;
    piece.from = model::bytes(k == 0 ? 0.0 : m.bytes[pieces[k].first]);
    double alpha = fitted.line.intercept;
    // Physics: no message, however small, is exchanged faster than a flag.
    const double floor =
        draft.machine.sync_floor ? draft.machine.sync_floor->value.in(model::seconds) : 0;
    const double first = fitted.line.at(m.bytes[pieces[k].first]);
    if (first < floor) {
      draft.notes.push_back(fmt::format("{} was fitted at {:.2g} of sync.floor: alpha raised to it",
                                        which, first / floor));
      alpha += floor - first;
    }
    piece.alpha =
        parameter(draft, model::seconds, alpha, fitted.intercept, model::Evidence::fitted);
    piece.beta = parameter(draft, model::seconds_per_byte, fitted.line.slope, fitted.slope,
                           model::Evidence::fitted);
    piece.scatter = fitted.held_out.value_or(rms(fitted.errors));
    for (const auto& [name, value, error] :
         {std::tuple{"alpha", fitted.line.intercept, fitted.line.intercept_error},
          {"beta", fitted.line.slope, fitted.line.slope_error}})
      if (!(error <= value))
        missing.push_back(
            fmt::format("{}: {}: its standard error is as large as its value", which, name));
    laws.push_back(std::move(piece));
    errors.insert(errors.end(), fitted.errors.begin(), fitted.errors.end());
    squares += std::pow(fitted.held_out.value_or(0), 2) * static_cast<double>(fitted.errors.size());
    points += fitted.held_out ? static_cast<double>(fitted.errors.size()) : 0;
  }
  report_law(draft, fmt::format("{} of {} ranks", key, ranks), errors,
             points > 0 ? std::optional(std::sqrt(squares / points)) : std::nullopt);
}

bool fit_hop_law(Draft& draft, const std::string& key, const Cases& cases,
                 std::optional<model::Parameter<model::Seconds>>& latency,
                 std::optional<model::Parameter<model::BytesPerSecond>>& bandwidth) {
  const Messages m = messages_of(cases);
  if (m.cases.size() < 2) return false;
  const FittedLine hop = fit_piece(m, {0, m.bytes.size() - 1});
  const model::Evidence fitted = model::Evidence::fitted;
  if (hop.line.intercept > 0)
    latency = parameter(draft, model::seconds, hop.line.intercept, hop.intercept, fitted);
  else
    draft.machine.unidentified.push_back(key + ": the times of the hop show no constant part");
  if (hop.line.slope > 0) {
    const double slowest = hop.slope.high,
                 fastest = hop.slope.low > 0 ? hop.slope.low : hop.line.slope;
    bandwidth = parameter(draft, model::bytes_per_second, 1 / hop.line.slope,
                          {1 / slowest, 1 / fastest}, fitted);
  } else {
    draft.machine.unidentified.push_back(
        key + "_bandwidth: the times of the hop do not grow with the message");
  }
  report_law(draft, key, hop.errors, hop.held_out);
  return true;
}

void fit_sync(const Observations& observed, Draft& draft) {
  const Observation *flag = nullptr, *barrier = nullptr;
  for (const Observation* o : observed.of("sync.pingpong"))
    if (!flag || o->seconds < flag->seconds) flag = o;  // the nearest pair: a floor
  for (const Observation* o : observed.of("sync.barrier"))
    if (!barrier || o->number("threads") > barrier->number("threads")) barrier = o;
  draft.machine.sync_floor = time_of(draft, flag);
  draft.machine.sync_barrier = time_of(draft, barrier);
  if (!flag) draft.machine.unidentified.emplace_back("sync.floor: no sync.pingpong was measured");
  if (!barrier)
    draft.machine.unidentified.emplace_back("sync.barrier: no sync.barrier was measured");
  fit_hop(observed, draft);
}

void fit_collectives(const Observations& observed, Draft& draft) {
  // Where devices exchange, what their hosts do is another matter.
  std::map<int, Cases> by_count = by_ranks(observed, "gpu.allreduce", "ranks");
  for (auto& [ranks, cases] : by_count) keep_fastest(cases);
  const bool on_devices = !by_count.empty();
  if (!on_devices) by_count = between_hosts(observed, draft);
  if (by_count.empty())
    draft.machine.unidentified.emplace_back(
        "sync.all_reduce: no gpu.allreduce, mpi.allreduce or sync.allreduce was measured");
  for (const auto& [ranks, cases] : by_count)
    fit_collective(draft, "sync.all_reduce", ranks, cases, draft.machine.all_reduce);
  if (on_devices) return;
  for (const auto& [probe, key, laws] :
       {std::tuple{"mpi.allgather", "sync.all_gather", &draft.machine.all_gather},
        {"mpi.reducescatter", "sync.reduce_scatter", &draft.machine.reduce_scatter},
        {"mpi.alltoall", "sync.all_to_all", &draft.machine.all_to_all}})
    for (const auto& [ranks, cases] : by_ranks(observed, probe, "ranks"))
      fit_collective(draft, key, ranks, cases, *laws);
  fit_network(observed, draft);
}

}  // namespace limen::calibration
