// Facts about the host, from an allow-list of files; and what other tenants take from us while we
// measure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "results/here.hpp"
#include "results/provenance.hpp"

namespace limen::probes {

struct Limits {
  double cpus = 0;         // 0: none
  std::size_t memory = 0;  // bytes; 0: none
  std::size_t memory_used = 0;
};
// The tightest limits on the way from this process's cgroup to the root, version 1 or 2. `root`
// stands for "/" in tests.
Limits cgroup_limits(const std::filesystem::path& root = "/");
// What Slurm gave to this job or step on this host, as its variables say: it need not confine to
// it.
Limits slurm_limits();
// The tighter of both.
Limits host_limits(const std::filesystem::path& root = "/");

// Bytes that can be taken without pushing anybody out: of the system and within the limits.
std::size_t free_memory(const std::filesystem::path& root = "/");
// Seconds that the hypervisor gave to others, over all CPUs, since boot.
double steal_seconds(const std::filesystem::path& root = "/");
// Seconds that threads of this process were ready to run but had no CPU, since they began. 0 where
// the kernel does not count them.
double waiting_seconds(const std::filesystem::path& root = "/");
double load_average(const std::filesystem::path& root = "/");
using results::host_name, results::utc_now;

// Everything known before a run begins.
results::Provenance describe(std::uint64_t seed, const std::filesystem::path& root = "/");

// What makes figures of this environment doubtful on `units` processing units, in one line. Empty
// if nothing is known against it.
std::string unfit(const results::Provenance& provenance, double units);

// FNV-1a, 64 bits, in hex; empty if the file cannot be read.
std::string fnv1a(const std::filesystem::path& file);

}  // namespace limen::probes
