// Where a run's figures come from: an allow-list of facts, never the whole environment. Empty text
// means unknown.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace limen::results {

// A file of another tool that a run was made of.
struct Imported {
  std::string file, hash;  // its name without its folder; FNV-1a 64 of its content, in hex
  std::string tool, version;
  std::string device;  // what it measured, as the tool names it
};

inline constexpr std::size_t most_node_hosts = 4096;

struct Provenance {
  // the program; of an imported run, the limen that imported it
  std::string version, git_sha, compiler, flags, build_type, simd_target;
  bool git_dirty = false;
  std::vector<std::string> arguments;
  // the host
  std::string host, os, kernel, cpu_model, microcode, governor, turbo, smt, transparent_huge_pages,
      numa_balancing, hypervisor;
  std::int64_t memory_bytes = 0;        // installed, as the kernel sees it
  std::int64_t memory_limit_bytes = 0;  // of the cgroup or the batch job; 0: none
  double cpu_limit = 0;                 // of the same, in CPUs; 0: none
  std::vector<int> processing_units;    // OS numbers of those used
  std::string topology_file,
      topology_hash;  // hwloc XML beside run.json and its FNV-1a 64 hash, in hex
  double load_before = 0, load_after = 0;                    // 1-minute load average
  double steal_seconds_before = 0, steal_seconds_after = 0;  // of all CPUs, since boot
  // its GPUs, if any were used
  std::string gpu_driver;         // of CUDA and NVIDIA
  std::string gpu_model;          // of the first
  std::vector<std::string> gpus;  // each in words: what it is, its settings and state
  std::vector<std::int64_t> gpu_memory_bytes;
  std::vector<std::string> gpu_notes;  // devices left out, or why there is none
  bool gpu_emulated = false;           // a CPU played the GPUs: their times mean nothing
  // the job
  std::string mpi_library, launcher;
  int ranks = 1, hosts = 1;
  std::vector<std::string> node_hosts;  // in order: a case of n nodes is of the first n; cut off
                                        // at most_node_hosts
  std::uint64_t seed = 0;
  std::string started, finished;  // UTC, ISO 8601; finished stays empty in a run that was killed
  bool interrupted = false;
  // what it was to measure, for a run that goes on
  std::vector<std::string> probes;     // as named; empty: all
  std::map<std::string, double> plan;  // by option
  std::vector<std::string> resumed;    // UTC, each time that it went on
  std::vector<Imported> imported;      // empty if limen measured the run itself
};

}  // namespace limen::results
