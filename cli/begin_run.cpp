#include "cli/begin_run.hpp"

#include <set>

#include "cli/new_run.hpp"
#include "model/error.hpp"
#include "probes/host.hpp"
#include "probes/resume.hpp"

namespace limen::cli {
namespace fs = std::filesystem;

void add_place(CLI::App& command, Place& place) {
  auto* output = command.add_option("-o,--output", place.output,
                                    "New directory of the run (default: runs/<time>-<host>)");
  command
      .add_option("--resume", place.resume,
                  "Go on with the run of this directory: measure what it lacks, by its options")
      ->excludes(output);
  command.add_flag("--per-host", place.per_host,
                   "As one of many processes, one a host: each measures its own host, into "
                   "DIRECTORY/<host>; --resume also begins those that are not there");
}

results::RunWriter Begun::writer() {
  auto writer =
      before ? results::RunWriter::append_to(directory) : new_run(directory.string(), provenance);
  if (before) writer.finish(provenance);
  directory = writer.directory();
  if (!lock) lock.emplace(results::RunLock::take(directory));
  return writer;
}

Begun begin_run(const Place& place, probes::PlanOptions& plan, const CLI::App& command,
                bool leads) {
  probes::check(plan);
  Begun begun;
  begun.provenance = probes::describe(plan.seed);
  const bool resume = !place.resume.empty();
  const std::string& named = resume ? place.resume : place.output;
  if (place.per_host && named.empty())
    throw Error("--per-host needs the directory that the hosts share: name it with -o");
  begun.directory = named;
  if (place.per_host) begun.directory /= begun.provenance.host;
  if (!resume || (place.per_host && !fs::exists(begun.directory / "run.json"))) {
    probes::remember(plan, begun.provenance);
    return begun;
  }
  std::set<std::string> given;
  for (const auto& name : probes::remembered_options()) {
    const auto* option = command.get_option_no_throw("--" + name);
    if (option != nullptr && option->count() > 0) given.insert(name);
  }
  if (!leads) {
    plan = probes::recall(results::load_provenance(begun.directory), begun.directory, plan, given);
    return begun;
  }
  if (fs::exists(begun.directory / "run.json"))  // else it is no run, as load_run says
    begun.lock.emplace(results::RunLock::take(begun.directory));
  begun.before = results::load_run(begun.directory);
  plan = probes::recall(begun.before->provenance, begun.directory, plan, given);
  probes::check_same_place(begun.before->provenance, begun.directory, begun.provenance);
  const std::string now = begun.provenance.started;
  begun.provenance = begun.before->provenance;
  begun.provenance.resumed.push_back(now);
  begun.provenance.interrupted = false;
  begun.provenance.finished.clear();
  return begun;
}

}  // namespace limen::cli
