#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "kernels/cuda/cuda_backend.hpp"
#include "model/error.hpp"
#include "probes/interrupt.hpp"
#include "probes/mpi_builds.hpp"
#include "probes/mpi_decode.hpp"
#include "probes/mpi_devices.hpp"
#include "probes/mpi_facts.hpp"
#include "probes/mpi_order.hpp"
#include "probes/mpi_osu.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/mpi_session.hpp"
#include "probes/mpi_skipped.hpp"
#include "probes/mpi_watch.hpp"
#include "results/statistics.hpp"
#include "results/store.hpp"

namespace limen::probes {
namespace {

namespace fs = std::filesystem;

bool stop_requested() { return Interrupt::asked(); }

// Seconds since run.json was written, which is when the run began.
double age_of_run(const fs::path& run_directory) {
  std::error_code why;
  const auto then = fs::last_write_time(run_directory / "run.json", why);
  if (why) return 0;
  return std::max(0.0,
                  std::chrono::duration<double>(fs::file_time_type::clock::now() - then).count());
}

SessionPlan session_plan(const MpiPlan& plan, const std::optional<MpiOrder>& order,
                         std::size_t subsets) {
  SessionPlan result;
  result.seed = plan.seed;
  result.precision = order ? order->precision : plan.precision;
  result.seconds = order ? order->seconds : plan.seconds;
  if (result.seconds <= 0) result.seconds = default_seconds(plan) * static_cast<double>(subsets);
  result.verify_only = plan.verify_only;
  if (plan.quick) {
    result.min_visits = 3;
    result.batch = {0.015, 5, 200, 1};
  }
  return result;
}

// A share of sorted values lies below what this returns.
double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

nlohmann::json facts(const MpiSession& session, const MpiWorld& world, int hosts,
                     const std::vector<std::string>& node_hosts, const std::string& mixture) {
  const auto launch = launched_by();
  nlohmann::json json{
      {"library", world.mpi_library()},  {"launcher", launch ? launch->launcher : ""},
      {"ranks", world.size()},           {"hosts", hosts},
      {"node_hosts", node_hosts},        {"interrupted", session.interrupted()},
      {"cases", nlohmann::json::array()}};
  if (!mixture.empty()) json["note"] = mixture;
  for (std::size_t i = 0; i < session.cases().size(); ++i) {
    const MpiCase& c = session.cases()[i];
    const CaseLog& log = session.logs()[i];
    nlohmann::json entry{{"probe", c.probe},
                         {"ranks", c.ranks()},
                         {"nodes", c.subset.nodes},
                         {"sockets", c.subset.sockets},
                         {"bytes", c.bytes},
                         {"samples", log.skew_seconds.size()},
                         {"late", log.late},
                         {"clock_error_seconds", log.clock_error},
                         {"skew_median_seconds", quantile(log.skew_seconds, 0.5)},
                         {"skew_p90_seconds", quantile(log.skew_seconds, 0.9)}};
    if (c.devices != nullptr) entry.update({{"by", c.by}, {"sent", c.sent}});
    if (!log.barriers.visits.empty())
      entry["barrier_method_median_seconds"] = results::summarize(log.barriers).median;
    json["cases"].push_back(std::move(entry));
  }
  return json;
}

// One line is enough for all: the others leave with the same code, in silence.
int refuse(const Launch& launch, const std::string& why) {
  if (launch.rank == 0) throw Error(why, Exit::unfit);
  return static_cast<int>(Exit::unfit);
}

// The devices of ranks, if a probe of theirs is asked for.
std::optional<RankDevices> open_devices(const MpiPlan& plan) {
  if (std::none_of(std::begin(device_probe_names), std::end(device_probe_names),
                   [&](const MpiProbeName& probe) { return is_named(probe, plan.names); }))
    return std::nullopt;
  return std::optional<RankDevices>(std::in_place,
                                    plan.gpus ? plan.gpus : OpenBackend(gpu::make_cuda_backend));
}

// `job`: of our launcher, which starts one for each number of ranks. Each measures more devices
// than the smaller ones can.
std::vector<MpiCase> device_cases(RankDevices& devices, const MpiPlan& plan, bool job,
                                  const std::vector<RankPlace>& places) {
  std::vector<RankSubset> subsets = devices.subsets(places);
  if (job) {
    std::erase_if(subsets, [&](const RankSubset& s) {
      return s.ranks != devices.ranks() || 2 * s.ranks.size() <= places.size();
    });
  }
  return devices.cases(subsets, plan.quick, plan.names);
}

// At rank 0: in the results, and for who asked for them by name or has GPUs, in a line.
void say_what_is_skipped(const RankDevices& devices, const MpiPlan& plan, bool job, int ranks,
                         results::RunWriter& writer) {
  const bool first = !job || ranks == 2;  // a larger job of ours would say it again
  const std::string &all = devices.why_not(), &by_mpi = devices.not_by_mpi();
  if (all.empty() && !devices.left_out().empty())
    fmt::print(stderr, "limen: a GPU is left out: {}\n", devices.left_out());
  const std::int64_t count = ranks;
  if (!first || (all.empty() && by_mpi.empty())) return;
  results::Parameters parameters{{"ranks", count}};
  if (all.empty()) parameters["by"] = std::string("MPI");
  write_devices_skipped(writer, all.empty() ? by_mpi : all, parameters, plan.names);
  if (all.empty() || !plan.names.empty())
    fmt::print(stderr, "limen: collectives of device memory{}: skipped: {}\n",
               all.empty() ? " by MPI" : "", all.empty() ? by_mpi : all);
}

Exit measure(const MpiPlan& plan, const std::optional<MpiOrder>& order,
             const fs::path& run_directory, const MpiWorld& world) {
  const RankBuild mine = build_of_this_rank();
  const std::vector<RankBuild> builds = gather_builds(mine, MPI_COMM_WORLD);
  if (const std::string why = different_limens(builds); !why.empty()) throw Error(why, Exit::unfit);
  if (const std::string note = different_cpus(builds); !note.empty())
    fmt::print(stderr, "limen: {}\n", note);
  // Our launcher starts a job for each number of ranks; the user's job is taken apart.
  const std::vector<RankPlace> places = rank_places(MPI_COMM_WORLD);
  const std::vector<RankSubset> subsets =
      order ? std::vector<RankSubset>{whole_world(places)} : rank_subsets(places);
  auto cases = mpi_cases(subsets, plan.quick, plan.names);
  const std::size_t of_host = cases.size();
  std::optional<RankDevices> devices = open_devices(plan);
  if (devices) {
    auto more = device_cases(*devices, plan, order.has_value(), places);
    cases.insert(cases.end(), more.begin(), more.end());
  }
  if (cases.empty() && !devices) return Exit::nothing_to_run;
  std::optional<results::RunWriter> writer;
  if (world.rank() == 0) writer = results::RunWriter::append_to(run_directory);
  if (devices && writer)
    say_what_is_skipped(*devices, plan, order.has_value(), world.size(), *writer);
  SessionPlan how = session_plan(plan, order, subsets.size());
  // Twice the time at most for what is between devices: our launcher does not wait for ever.
  if (of_host > 0 && plan.seconds <= 0)
    how.seconds *= std::min(2.0, double(cases.size()) / double(of_host));
  MpiSession session(how, world, std::move(cases), std::move(writer), age_of_run(run_directory));
  if (world.rank() == 0 && !results::load_provenance(run_directory).resumed.empty())
    session.take_up(results::load_run(run_directory));
  bool valid = false;
  {
    const Watch watch(world, static_cast<int>(plan.patience),
                      [&session](const std::string& why) { session.give_up(why); });
    valid = session.run(stop_requested);
    if (devices) devices->finish();
  }
  if (world.rank() == 0) {
    auto json = facts(session, world, count_nodes(places), hosts_of_nodes(places, builds),
                      different_cpus(builds));
    if (devices && devices->why_not().empty()) {
      json["devices"] = devices->descriptions();
      json["mpi_takes_device_memory"] = devices->not_by_mpi().empty();
    }
    write_json(mpi_facts_file(run_directory, world.size()), json);
  }
  return valid && !session.interrupted() ? Exit::ok : Exit::failed;
}

}  // namespace

int mpi_rank_main(const MpiPlan& plan, const fs::path& run_directory) {
  const auto order = order_from_environment();
  if (order)
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a killed mpirun must not leave ranks that spin for ever
  const auto launch = launched_by();
  if (launch) {
    if (const auto wrong = launch_defect(*launch)) return refuse(*launch, *wrong);
  }
  const Interrupt interrupt;
  const MpiWorld world;
  if (launch) {
    if (const auto wrong = world_mismatch(*launch, world.size())) return refuse(*launch, *wrong);
  }
  if (world.size() < 2) return static_cast<int>(Exit::nothing_to_run);
  try {
    if (order && order->job == MpiJob::decode) {
      decode_as_rank(run_directory, world.rank(), world.size(), plan.gpus);
      return static_cast<int>(Exit::ok);
    }
    return static_cast<int>(order && order->job == MpiJob::osu
                                ? compare_with_osu(plan, run_directory, world)
                                : measure(plan, order, run_directory, world));
  } catch (const Error& e) {
    world.abort(e.what(), static_cast<int>(e.code()));
  } catch (const std::exception& e) {
    world.abort(e.what(), static_cast<int>(Exit::failed));
  }
}

}  // namespace limen::probes
