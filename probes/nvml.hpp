// What NVML, the driver's management library, says of a device; read only. It is opened at run
// time, since its header comes with no toolkit: without it everything here is unknown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace limen::probes {

class Nvml {
 public:
  Nvml();
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  bool there() const { return library_ != nullptr; }
  std::string driver() const;
  // Settings and state in words: ECC, MIG, power cap, clocks, temperature, what throttles it, other
  // processes. Empty if unknown.
  std::string describe(const std::string& pci) const;
  // Joules that the device has used since the driver was loaded.
  std::optional<double> joules(const std::string& pci) const;
  // Marks for samples taken now: throttled, or shared with processes of others.
  std::uint32_t marks(const std::string& pci);

 private:
  template <class F>
  F* find(const char* name) const;
  void* device(const std::string& pci) const;
  std::optional<unsigned> number(const char* function, void* device) const;

  void* library_ = nullptr;
};

}  // namespace limen::probes
