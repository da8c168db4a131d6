#include "probes/host.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "kernels/cpu/gemm.hpp"
#include "revision.hpp"

namespace limen::probes {
namespace fs = std::filesystem;
namespace {

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0)
    line.pop_back();
  return line;
}

// The value of the first "key : value" or "key=value" line.
std::string field(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (line.rfind(key, 0) != 0) continue;
    const auto at = line.find_first_of(":=", key.size());
    if (at == std::string::npos || line.find_first_not_of(" \t", key.size()) != at) continue;
    auto value = line.substr(at + 1);
    value.erase(0, value.find_first_not_of(" \t\""));
    value.erase(value.find_last_not_of(" \t\"") + 1);
    return value;
  }
  return {};
}

// The chosen word of a list such as "always [madvise] never".
std::string chosen(const fs::path& file) {
  const auto line = first_line(file);
  const auto from = line.find('['), to = line.find(']');
  return from == std::string::npos || to == std::string::npos
             ? line
             : line.substr(from + 1, to - from - 1);
}

std::optional<double> number(const std::string& text) {
  try {
    std::size_t used = 0;
    const double value = std::stod(text, &used);
    if (used > 0) return value;
  } catch (const std::exception&) {  // "max", empty
  }
  return {};
}

// Calls visit(directory) for `path` in the hierarchy mounted at `mount` and all its parents.
template <class Visit>
void up(const fs::path& mount, const std::string& path, Visit&& visit) {
  fs::path relative = fs::path(path).relative_path();
  for (;;) {
    visit(mount / relative);
    if (relative.empty()) return;
    relative = relative.parent_path();
  }
}

void tighten(std::size_t& limit, std::size_t& used, double bytes, double in_use) {
  if (bytes <= 0 || bytes > 1e17) return;  // "no limit" of version 1 is a huge number
  const auto b = static_cast<std::size_t>(bytes);
  if (limit == 0 || b < limit) {
    limit = b;
    used = static_cast<std::size_t>(std::max(0.0, in_use));
  }
}

std::string turbo(const fs::path& root) {
  const auto boost = first_line(root / "sys/devices/system/cpu/cpufreq/boost");
  if (!boost.empty()) return boost == "1" ? "on" : "off";
  const auto off = first_line(root / "sys/devices/system/cpu/intel_pstate/no_turbo");
  if (!off.empty()) return off == "0" ? "on" : "off";
  return {};
}

std::string hypervisor(const fs::path& root) {
  const auto type = first_line(root / "sys/hypervisor/type");
  if (!type.empty()) return type;
  const auto flags = fmt::format(" {} ", field(root / "proc/cpuinfo", "flags"));
  if (flags.find(" hypervisor ") == std::string::npos) return {};
  const auto vendor = first_line(root / "sys/class/dmi/id/sys_vendor");
  return vendor.empty() ? "yes" : vendor;
}

}  // namespace

Limits cgroup_limits(const fs::path& root) {
  Limits limits;
  const auto quota = [&](double share, double period) {
    if (share > 0 && period > 0 && (limits.cpus == 0 || share / period < limits.cpus))
      limits.cpus = share / period;
  };
  std::ifstream in(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(in, line)) {
    const auto one = line.find(':'), two = line.find(':', one + 1);
    if (one == std::string::npos || two == std::string::npos) continue;
    const auto controllers = fmt::format(",{},", line.substr(one + 1, two - one - 1));
    const auto path = line.substr(two + 1);
    const auto has = [&](const char* c) { return controllers.find(c) != std::string::npos; };
    if (controllers == ",,") {
      up(root / "sys/fs/cgroup", path, [&](const fs::path& d) {
        tighten(limits.memory, limits.memory_used, number(first_line(d / "memory.max")).value_or(0),
                number(first_line(d / "memory.current")).value_or(0));
        std::istringstream max(first_line(d / "cpu.max"));
        std::string share, period;
        max >> share >> period;
        quota(number(share).value_or(0), number(period).value_or(0));
      });
    }
    if (has(",memory,")) {
      up(root / "sys/fs/cgroup/memory", path, [&](const fs::path& d) {
        tighten(limits.memory, limits.memory_used,
                number(first_line(d / "memory.limit_in_bytes")).value_or(0),
                number(first_line(d / "memory.usage_in_bytes")).value_or(0));
      });
    }
    if (has(",cpu,")) {
      up(root / "sys/fs/cgroup/cpu", path, [&](const fs::path& d) {
        quota(number(first_line(d / "cpu.cfs_quota_us")).value_or(0),
              number(first_line(d / "cpu.cfs_period_us")).value_or(0));
      });
    }
  }
  return limits;
}

Limits slurm_limits() {
  Limits limits;
  const auto variable = [](const char* name) {
    const char* text = std::getenv(name);
    const double value = text == nullptr ? 0 : number(text).value_or(0);
    return std::isfinite(value) && value > 0 ? value : 0;
  };
  // Only its daemons on the nodes set it; what salloc leaves in a shell elsewhere is about no host.
  if (std::getenv("SLURMD_NODENAME") == nullptr) return limits;
  limits.cpus = variable("SLURM_CPUS_ON_NODE");
  constexpr double mib = 1 << 20;
  const double a_cpu = variable("SLURM_MEM_PER_CPU") * limits.cpus;
  tighten(limits.memory, limits.memory_used,
          mib * (a_cpu > 0 ? a_cpu : variable("SLURM_MEM_PER_NODE")), 0);
  return limits;
}

Limits host_limits(const fs::path& root) {
  Limits both = cgroup_limits(root);
  const Limits slurm = slurm_limits();
  if (slurm.cpus > 0 && (both.cpus == 0 || slurm.cpus < both.cpus)) both.cpus = slurm.cpus;
  tighten(both.memory, both.memory_used, static_cast<double>(slurm.memory), 0);
  return both;
}

std::size_t free_memory(const fs::path& root) {
  const auto kib = number(field(root / "proc/meminfo", "MemAvailable")).value_or(0);
  auto free = static_cast<std::size_t>(kib * 1024);
  const auto within = host_limits(root);
  if (within.memory > 0)
    free = std::min(free, within.memory - std::min(within.memory, within.memory_used));
  return free;
}

double steal_seconds(const fs::path& root) {
  std::istringstream in(first_line(root / "proc/stat"));
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, io = 0, irq = 0, soft = 0, steal = 0;
  in >> cpu >> user >> nice >> system >> idle >> io >> irq >> soft >> steal;
  return in ? steal / static_cast<double>(sysconf(_SC_CLK_TCK)) : 0;
}

double waiting_seconds(const fs::path& root) {
  double sum = 0;
  std::error_code none;
  for (const auto& thread : fs::directory_iterator(root / "proc/self/task", none)) {
    std::istringstream in(first_line(thread.path() / "schedstat"));
    double ran = 0, waited = 0;  // ns
    if (in >> ran >> waited) sum += waited;
  }
  return sum * 1e-9;
}

double load_average(const fs::path& root) {
  return number(first_line(root / "proc/loadavg")).value_or(0);
}

results::Provenance describe(std::uint64_t seed, const fs::path& root) {
  results::Provenance p;
  p.version = revision::version;
  p.git_sha = revision::git_sha;
  p.git_dirty = revision::git_dirty;
  p.compiler = revision::compiler;
  p.flags = revision::flags;
  p.build_type = revision::build_type;
  p.simd_target = kernels::simd_target();
  std::ifstream arguments("/proc/self/cmdline");
  for (std::string word; std::getline(arguments, word, '\0');) p.arguments.push_back(word);
  p.seed = seed;
  p.started = utc_now();
  p.host = host_name();
  p.os = field(root / "etc/os-release", "PRETTY_NAME");
  utsname system{};
  if (uname(&system) == 0) p.kernel = fmt::format("{} {}", system.sysname, system.release);
  p.cpu_model = field(root / "proc/cpuinfo", "model name");
  p.microcode = field(root / "proc/cpuinfo", "microcode");
  p.governor = first_line(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  p.turbo = turbo(root);
  p.smt = first_line(root / "sys/devices/system/cpu/smt/control");
  p.transparent_huge_pages = chosen(root / "sys/kernel/mm/transparent_hugepage/enabled");
  p.numa_balancing = first_line(root / "proc/sys/kernel/numa_balancing");
  p.hypervisor = hypervisor(root);
  p.memory_bytes = static_cast<std::int64_t>(
      number(field(root / "proc/meminfo", "MemTotal")).value_or(0) * 1024);
  const auto within = host_limits(root);
  p.memory_limit_bytes = static_cast<std::int64_t>(within.memory);
  p.cpu_limit = within.cpus;
  p.load_before = load_average(root);
  p.steal_seconds_before = steal_seconds(root);
  return p;
}

std::string unfit(const results::Provenance& p, double units) {
  if (p.load_before > 0.5 * units) {
    return fmt::format(
        "the load is {:.2f} on {:.0f} processing units; wait until it is below {:.1f}",
        p.load_before, units, 0.5 * units);
  }
  if (p.cpu_limit > 0 && p.cpu_limit < units) {
    return fmt::format(
        "the control group or the batch job allows {:.2f} CPUs of {:.0f}; ask for whole ones",
        p.cpu_limit, units);
  }
  if (!p.governor.empty() && p.governor != "performance") {
    return fmt::format("the clock governor is '{}'; set 'performance'", p.governor);
  }
  return "";
}

std::string fnv1a(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return {};
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (char c = 0; in.get(c);) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return fmt::format("{:016x}", hash);
}

}  // namespace limen::probes
