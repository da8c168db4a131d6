#include "probes/resume.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/error.hpp"
#include "probes/topology.hpp"

namespace limen::probes {
namespace {

// f(name, option) for every number among the options.
template <class Plan, class F>
void for_each_option(Plan& p, F&& f) {
  f("quick", p.quick), f("seed", p.seed), f("budget", p.seconds);
  f("case-budget", p.case_seconds), f("visit", p.visit_seconds), f("rel-error", p.relative_error);
  f("min-samples", p.least_samples), f("min-visits", p.least_visits);
  f("memory-share", p.memory_share), f("threads", p.max_threads), f("verify", p.verify_only);
}

[[noreturn]] void refuse(const std::filesystem::path& directory, const std::string& why) {
  throw Error(fmt::format("{}: {}, or begin another run with -o", directory.string(), why));
}

}  // namespace

void remember(const PlanOptions& plan, results::Provenance& provenance) {
  provenance.probes = plan.names;
  for_each_option(plan, [&](const char* name, const auto& value) {
    provenance.plan[name] = static_cast<double>(value);
  });
}

std::vector<std::string> remembered_options() {
  std::vector<std::string> names;
  const PlanOptions plan;
  for_each_option(plan, [&](const char* name, const auto&) { names.emplace_back(name); });
  return names;
}

PlanOptions recall(const results::Provenance& before, const std::filesystem::path& directory,
                   const PlanOptions& now, const std::set<std::string>& given) {
  if (before.plan.empty())
    refuse(directory,
           "does not say what it was to measure, so it cannot go on: compare it (limen compare)");
  PlanOptions plan = now;
  for_each_option(plan, [&](const char* name, auto& value) {
    const auto known = before.plan.find(name);
    if (known == before.plan.end()) return;
    if (given.count(name) != 0 && static_cast<double>(value) != known->second)
      refuse(directory, fmt::format("--{} was {} when it began, not {}: leave the option out", name,
                                    known->second, value));
    value = static_cast<std::decay_t<decltype(value)>>(known->second);
  });
  if (!now.names.empty() && now.names != before.probes)
    refuse(directory,
           fmt::format("was begun with {}: name no probe",
                       before.probes.empty() ? "every probe"
                                             : fmt::format("{}", fmt::join(before.probes, ", "))));
  plan.names = before.probes;
  if (!before.processing_units.empty())
    plan.max_threads = static_cast<int>(before.processing_units.size());
  if (const auto memory = before.plan.find("memory"); memory != before.plan.end())
    plan.memory = memory->second;
  return plan;
}

void check_same_place(const results::Provenance& before, const std::filesystem::path& directory,
                      const results::Provenance& here) {
  if (before.host != here.host || before.cpu_model != here.cpu_model)
    refuse(directory, fmt::format("was begun on {} ({}), this is {} ({}): go on there", before.host,
                                  before.cpu_model, here.host, here.cpu_model));
  const std::string with = before.version + " " + before.git_sha,
                    this_one = here.version + " " + here.git_sha;
  if (with != this_one)
    refuse(directory,
           fmt::format("was begun by limen {}, this is {}: go on with that one", with, this_one));
  const int units = Topology().usable(),
            units_before = static_cast<int>(before.processing_units.size());
  if (units < units_before)
    refuse(directory, fmt::format("was begun on {} CPUs, this process has {}: go on with as many",
                                  units_before, units));
}

}  // namespace limen::probes
