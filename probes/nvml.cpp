#include "probes/nvml.hpp"

#include <dlfcn.h>

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "results/measurement.hpp"

namespace limen::probes {
namespace {

// Of NVML's interface, as documented; all return 0 when they succeed.
constexpr int insufficient_size = 7;
constexpr unsigned sm_clock = 1, memory_clock = 2;
struct Reason {
  unsigned long long bit;
  const char* name;
};
constexpr Reason reasons[] = {{0x4, "power cap"},
                              {0x8, "hardware slowdown"},
                              {0x10, "sync boost"},
                              {0x20, "temperature (software)"},
                              {0x40, "temperature (hardware)"},
                              {0x80, "power brake"}};

}  // namespace

template <class F>
F* Nvml::find(const char* name) const {
  return library_ == nullptr ? nullptr : reinterpret_cast<F*>(dlsym(library_, name));
}

Nvml::Nvml() : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
  const auto init = find<int()>("nvmlInit_v2");
  if (library_ != nullptr && (init == nullptr || init() != 0)) {
    dlclose(library_);
    library_ = nullptr;
  }
}
Nvml::~Nvml() {
  if (const auto shutdown = find<int()>("nvmlShutdown")) shutdown();
  if (library_ != nullptr) dlclose(library_);
}

void* Nvml::device(const std::string& pci) const {
  void* handle = nullptr;
  const auto get = find<int(const char*, void**)>("nvmlDeviceGetHandleByPciBusId_v2");
  return get != nullptr && get(pci.c_str(), &handle) == 0 ? handle : nullptr;
}

std::optional<unsigned> Nvml::number(const char* function, void* device) const {
  unsigned value = 0;
  const auto get = find<int(void*, unsigned*)>(function);
  if (get == nullptr || device == nullptr || get(device, &value) != 0) return {};
  return value;
}

std::string Nvml::driver() const {
  char text[96] = "";
  const auto get = find<int(char*, unsigned)>("nvmlSystemGetDriverVersion");
  return get != nullptr && get(text, sizeof text) == 0 ? text : "";
}

namespace {

// With no room for the list it answers how long the list is.
std::optional<unsigned> processes(int (*get)(void*, unsigned*, void*), void* device) {
  unsigned count = 0;
  if (get == nullptr || device == nullptr) return {};
  const int code = get(device, &count, nullptr);
  if (code != 0 && code != insufficient_size) return {};
  return count;
}

std::vector<std::string> throttling(int (*get)(void*, unsigned long long*), void* device) {
  std::vector<std::string> names;
  unsigned long long bits = 0;
  if (get == nullptr || device == nullptr || get(device, &bits) != 0) return names;
  for (const auto& r : reasons)
    if (bits & r.bit) names.emplace_back(r.name);
  return names;
}

}  // namespace

std::string Nvml::describe(const std::string& pci) const {
  void* d = device(pci);
  if (d == nullptr) return {};
  std::vector<std::string> facts;
  const auto clock = find<int(void*, unsigned, unsigned*)>("nvmlDeviceGetClockInfo");
  const auto two = find<int(void*, unsigned*, unsigned*)>("nvmlDeviceGetMigMode");
  const auto ecc = find<int(void*, unsigned*, unsigned*)>("nvmlDeviceGetEccMode");
  unsigned now = 0, next = 0;
  if (ecc != nullptr && ecc(d, &now, &next) == 0) facts.push_back(now ? "ECC on" : "ECC off");
  if (two != nullptr && two(d, &now, &next) == 0) facts.push_back(now ? "MIG on" : "MIG off");
  if (const auto cap = number("nvmlDeviceGetEnforcedPowerLimit", d))
    facts.push_back(fmt::format("power cap {} W", *cap / 1000));
  for (const auto& [which, name] : {std::pair{sm_clock, "SM"}, {memory_clock, "memory"}}) {
    unsigned mhz = 0;
    if (clock != nullptr && clock(d, which, &mhz) == 0)
      facts.push_back(fmt::format("{} clock {} MHz", name, mhz));
  }
  const auto temperature = find<int(void*, unsigned, unsigned*)>("nvmlDeviceGetTemperature");
  unsigned degrees = 0;
  if (temperature != nullptr && temperature(d, 0, &degrees) == 0)
    facts.push_back(fmt::format("{} C", degrees));
  const auto slow = throttling(
      find<int(void*, unsigned long long*)>("nvmlDeviceGetCurrentClocksThrottleReasons"), d);
  if (!slow.empty()) facts.push_back(fmt::format("slowed by {}", fmt::join(slow, " and ")));
  if (const auto n = processes(
          find<int(void*, unsigned*, void*)>("nvmlDeviceGetComputeRunningProcesses_v3"), d))
    facts.push_back(fmt::format("{} compute processes", *n));
  return fmt::format("{}", fmt::join(facts, ", "));
}

std::optional<double> Nvml::joules(const std::string& pci) const {
  unsigned long long millijoules = 0;
  void* d = device(pci);
  const auto get = find<int(void*, unsigned long long*)>("nvmlDeviceGetTotalEnergyConsumption");
  if (get == nullptr || d == nullptr || get(d, &millijoules) != 0) return {};
  return 1e-3 * static_cast<double>(millijoules);
}

std::uint32_t Nvml::marks(const std::string& pci) {
  if (library_ == nullptr) return 0;
  void* d = device(pci);
  std::uint32_t marks = 0;
  if (!throttling(
           find<int(void*, unsigned long long*)>("nvmlDeviceGetCurrentClocksThrottleReasons"), d)
           .empty())
    marks |= results::throttled;
  // In a container NVML may not see our own process: one process is taken for us.
  const auto n =
      processes(find<int(void*, unsigned*, void*)>("nvmlDeviceGetComputeRunningProcesses_v3"), d);
  if (n && *n > 1) marks |= results::shared_device;
  return marks;
}

}  // namespace limen::probes
