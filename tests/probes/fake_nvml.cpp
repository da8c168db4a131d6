// A management library for tests: it says what variables of the environment tell it to, so that a
// test sets them in its own process or for a program that it starts.
//
//   FAKE_NVML_WATTS       what is drawn from the start on (0)
//   FAKE_NVML_REASONS     what slows the device at each look, as hexadecimal bits: 0,40,0; the last
//                         of them from then on
//   FAKE_NVML_LOST        nanoseconds lost to heat by each look: 5,5,9; likewise
//   FAKE_NVML_PROCESSES, FAKE_NVML_MIG, FAKE_NVML_ECC, FAKE_NVML_CAP_MW
//   FAKE_NVML_FAIL        nvmlInit_v2=9,nvmlDeviceGetClockInfo=15
//
// With FAKE_NVML_OLD it is one of an old driver, and lacks what came later.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;
const Clock::time_point start = Clock::now();
int the_device = 0;

std::string text(const std::string& name, const std::string& otherwise) {
  const char* value = std::getenv(("FAKE_NVML_" + name).c_str());
  return value == nullptr ? otherwise : value;
}
unsigned number(const char* name, unsigned otherwise) {
  return static_cast<unsigned>(std::stoul(text(name, std::to_string(otherwise))));
}
// Entry `look` of a list, or its last.
unsigned long long entry(const char* name, int base) {
  static std::map<std::string, std::pair<std::string, std::size_t>> looks;
  const std::string list = text(name, "0");
  auto& [before, look] = looks[name];
  if (before != list) before = list, look = 0;
  std::stringstream words(list);
  std::string word, last = "0";
  for (std::size_t i = 0; i <= look && std::getline(words, word, ','); ++i) last = word;
  ++look;
  return std::stoull(last, nullptr, base);
}
int code_of(const char* function) {
  std::stringstream words(text("FAIL", ""));
  for (std::string word; std::getline(words, word, ',');) {
    const auto at = word.find('=');
    if (word.substr(0, at) == function) return std::stoi(word.substr(at + 1));
  }
  return 0;
}
int say(const char* function, unsigned value, unsigned* to) {
  if (const int code = code_of(function)) return code;
  *to = value;
  return 0;
}
int pair(const char* function, unsigned value, unsigned* now, unsigned* next) {
  if (const int code = code_of(function)) return code;
  *now = *next = value;
  return 0;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int nvmlInit_v2() { return code_of(__func__); }
int nvmlShutdown() { return 0; }
int nvmlSystemGetDriverVersion(char* to, unsigned length) {
  if (const int code = code_of(__func__)) return code;
  std::strncpy(to, "599.99.01", length);
  return 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* pci, void** device) {
  if (const int code = code_of(__func__)) return code;
  if (std::string(pci).find(':') == std::string::npos) return 2;
  *device = &the_device;
  return 0;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void*, unsigned long long* bits) {
  if (const int code = code_of(__func__)) return code;
  *bits = entry("REASONS", 16);
  return 0;
}
int nvmlDeviceGetEccMode(void*, unsigned* now, unsigned* next) {
  return pair(__func__, number("ECC", 1), now, next);
}
int nvmlDeviceGetEnforcedPowerLimit(void*, unsigned* to) {
  return say(__func__, number("CAP_MW", 700000), to);
}
int nvmlDeviceGetClockInfo(void*, unsigned which, unsigned* to) {
  return say(__func__, which == 1 ? 1980u : 2619u, to);
}
int nvmlDeviceGetTemperature(void*, unsigned, unsigned* to) { return say(__func__, 45, to); }
int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, void* list) {
  if (const int code = code_of(__func__)) return code;
  const unsigned there = number("PROCESSES", 1);
  const bool fits = *count >= there && (list != nullptr || there == 0);
  *count = there;
  return fits ? 0 : 7;
}
#ifndef FAKE_NVML_OLD
int nvmlDeviceGetCurrentClocksEventReasons(void* device, unsigned long long* bits) {
  return nvmlDeviceGetCurrentClocksThrottleReasons(device, bits);
}
int nvmlDeviceGetMigMode(void*, unsigned* now, unsigned* next) {
  return pair(__func__, number("MIG", 0), now, next);
}
int nvmlDeviceGetTotalEnergyConsumption(void*, unsigned long long* millijoules) {
  if (const int code = code_of(__func__)) return code;
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  *millijoules = 1'000'000 + static_cast<unsigned long long>(1e3 * number("WATTS", 0) * seconds);
  return 0;
}
int nvmlDeviceGetViolationStatus(void*, unsigned policy, unsigned long long* time) {
  if (const int code = code_of(__func__)) return code;
  time[0] = 1;
  time[1] = policy == 1 ? entry("LOST", 10) : 0;
  return 0;
}
#endif

}  // extern "C"
#pragma GCC visibility pop
