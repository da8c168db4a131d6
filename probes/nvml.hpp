// What NVML, the driver's management library, says of a device; read only. It is opened at run
// time, since its header comes with no toolkit: without it, or without one of its functions, what
// that would tell is unknown.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace limen::probes {

class Nvml {
 public:
  static constexpr const char* usual = "libnvidia-ml.so.1";

  explicit Nvml(const char* library = usual);
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  bool there() const { return library_ != nullptr; }
  std::string driver() const;
  // Settings and state in words: ECC, MIG, power cap, clocks, temperature, what slows it, other
  // processes. Empty if unknown.
  std::string describe(const std::string& pci) const;
  // Joules that the device has used since the driver was loaded. Not where it is cut up (MIG): they
  // would be those of all its users.
  std::optional<double> joules(const std::string& pci) const;

 private:
  friend class Disturbance;
  template <class F>
  F* find(const char* name) const;
  void* device(const std::string& pci) const;
  std::optional<unsigned> number(const char* function, void* device) const;
  bool cut_up(void* device) const;
  unsigned long long reasons(void* device) const;  // bits of what slows it now
  std::optional<unsigned> processes(void* device) const;

  void* library_ = nullptr;
};

// What disturbs a device while it is measured, as marks of samples: slowed at any time in between
// (by the counters of lost time where the driver keeps them, and by a look at what slows it now and
// then), or used by others.
class Disturbance {
 public:
  Disturbance(const Nvml& nvml, const std::string& pci);
  void begin();
  void look();  // while the device works; some hundred times a second at most
  std::uint32_t end();

 private:
  // Nanoseconds by cause, since the driver began; empty where they are not told.
  using Lost = std::array<std::optional<unsigned long long>, 3>;
  Lost lost() const;

  const Nvml& nvml_;
  void* device_;
  Lost before_{};
  std::uint32_t marks_ = 0;
  std::optional<std::chrono::steady_clock::time_point> looked_{};
};

}  // namespace limen::probes
