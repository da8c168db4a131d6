#include "probes/mpi_cores.hpp"

#include <fstream>
#include <set>
#include <string>

namespace limen::probes {

cpu_set_t allowed_cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) CPU_SET(0, &cpus);
  return cpus;
}

int count_cores(const cpu_set_t& cpus) {
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &cpus)) continue;
    const std::string number = std::to_string(cpu);
    std::ifstream file("/sys/devices/system/cpu/cpu" + number + "/topology/thread_siblings_list");
    std::string siblings;
    cores.insert(std::getline(file, siblings) ? siblings : number);
  }
  return static_cast<int>(cores.size());
}

int socket_of(const cpu_set_t& cpus) {
  int common = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &cpus)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/physical_package_id");
    int socket = -1;
    if (!(file >> socket) || socket < 0 || (common >= 0 && socket != common)) return -1;
    common = socket;
  }
  return common;
}

}  // namespace limen::probes
