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
  bool disturbs;  // else it is a setting
};
constexpr Reason known_reasons[] = {{0x2, "a clock setting", false},
                                    {0x4, "power cap", true},
                                    {0x8, "hardware slowdown", true},
                                    {0x10, "sync boost", true},
                                    {0x20, "temperature (software)", true},
                                    {0x40, "temperature (hardware)", true},
                                    {0x80, "power brake", true}};
constexpr unsigned lost_to[] = {0, 1, 3};  // power, heat, limits of the board
struct ViolationTime {
  unsigned long long at, lost;  // microseconds, nanoseconds
};

}  // namespace

template <class F>
F* Nvml::find(const char* name) const {
  return library_ == nullptr ? nullptr : reinterpret_cast<F*>(dlsym(library_, name));
}

Nvml::Nvml(const char* library) : library_(dlopen(library, RTLD_NOW | RTLD_LOCAL)) {
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

bool Nvml::cut_up(void* device) const {
  unsigned now = 0, next = 0;
  const auto get = find<int(void*, unsigned*, unsigned*)>("nvmlDeviceGetMigMode");
  return get != nullptr && device != nullptr && get(device, &now, &next) == 0 && now != 0;
}

unsigned long long Nvml::reasons(void* device) const {
  using Get = int(void*, unsigned long long*);
  auto get = find<Get>("nvmlDeviceGetCurrentClocksEventReasons");
  if (get == nullptr) get = find<Get>("nvmlDeviceGetCurrentClocksThrottleReasons");  // until 535
  unsigned long long bits = 0;
  return get != nullptr && device != nullptr && get(device, &bits) == 0 ? bits : 0;
}

std::optional<unsigned> Nvml::processes(void* device) const {
  const auto get = find<int(void*, unsigned*, void*)>("nvmlDeviceGetComputeRunningProcesses_v3");
  if (get == nullptr || device == nullptr) return {};
  // With no room for the list it answers how long the list is.
  unsigned count = 0;
  const int code = get(device, &count, nullptr);
  if (code != 0 && code != insufficient_size) return {};
  return count;
}

std::string Nvml::describe(const std::string& pci) const {
  void* d = device(pci);
  if (d == nullptr) return {};
  std::vector<std::string> facts;
  const auto clock = find<int(void*, unsigned, unsigned*)>("nvmlDeviceGetClockInfo");
  const auto mig = find<int(void*, unsigned*, unsigned*)>("nvmlDeviceGetMigMode");
  const auto ecc = find<int(void*, unsigned*, unsigned*)>("nvmlDeviceGetEccMode");
  unsigned now = 0, next = 0;
  if (ecc != nullptr && ecc(d, &now, &next) == 0) facts.push_back(now ? "ECC on" : "ECC off");
  if (mig != nullptr && mig(d, &now, &next) == 0) facts.push_back(now ? "MIG on" : "MIG off");
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
  std::vector<std::string> slow;
  for (const auto bits = reasons(d); const auto& r : known_reasons)
    if (bits & r.bit) slow.emplace_back(r.name);
  if (!slow.empty()) facts.push_back(fmt::format("slowed by {}", fmt::join(slow, " and ")));
  if (const auto n = processes(d)) facts.push_back(fmt::format("{} compute processes", *n));
  return fmt::format("{}", fmt::join(facts, ", "));
}

std::optional<double> Nvml::joules(const std::string& pci) const {
  unsigned long long millijoules = 0;
  void* d = device(pci);
  const auto get = find<int(void*, unsigned long long*)>("nvmlDeviceGetTotalEnergyConsumption");
  if (get == nullptr || d == nullptr || cut_up(d) || get(d, &millijoules) != 0) return {};
  return 1e-3 * static_cast<double>(millijoules);
}

Disturbance::Disturbance(const Nvml& nvml, const std::string& pci)
    : nvml_(nvml), device_(nvml.device(pci)) {}

Disturbance::Lost Disturbance::lost() const {
  Lost lost{};
  const auto get = nvml_.find<int(void*, unsigned, ViolationTime*)>("nvmlDeviceGetViolationStatus");
  for (std::size_t i = 0; get != nullptr && device_ != nullptr && i < lost.size(); ++i) {
    ViolationTime time{};
    if (get(device_, lost_to[i], &time) == 0) lost[i] = time.lost;
  }
  return lost;
}

void Disturbance::begin() {
  marks_ = 0;
  looked_.reset();
  before_ = lost();
}

void Disturbance::look() {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds between{5};
  const auto now = Clock::now();
  if (looked_ && now - *looked_ < between) return;
  looked_ = now;
  for (const auto bits = nvml_.reasons(device_); const auto& r : known_reasons)
    if (r.disturbs && (bits & r.bit)) marks_ |= results::throttled;
}

std::uint32_t Disturbance::end() {
  looked_.reset();
  look();
  const Lost now = lost();
  for (std::size_t i = 0; i < now.size(); ++i)
    if (before_[i] && now[i] && *now[i] > *before_[i]) marks_ |= results::throttled;
  // In a container NVML may not see our own process: one process is taken for us.
  if (const auto n = nvml_.processes(device_); n && *n > 1) marks_ |= results::shared_device;
  return marks_;
}

}  // namespace limen::probes
