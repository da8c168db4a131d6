// The bench that all GPU cases share: the devices that work, memory on each, what has been
// verified.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/cuda/operations.hpp"
#include "probes/nvml.hpp"
#include "probes/probe.hpp"

namespace limen::probes {

struct GpuExtent {
  bool quick = false;
  std::uint64_t seed = 1;
  double memory_share = 0.5;  // of what is free on a device
  const char* nvml = Nvml::usual;
  int only = -1;              // this device alone, by its number; -1: all
};

class GpuBench {
 public:
  // Null if there is no device to be used, with the reason in `why`, one line. The CUDA of this
  // build, or a back end given.
  static std::unique_ptr<GpuBench> open(const GpuExtent& extent, std::string& why,
                                        std::unique_ptr<gpu::Backend> backend = nullptr);

  bool quick() const { return extent_.quick; }
  std::uint64_t seed() const { return extent_.seed; }
  gpu::Backend& backend() const { return *backend_; }
  const std::vector<gpu::Device>& devices() const { return devices_; }
  // Devices that do not work, or not for this build: a line each.
  const std::vector<std::string>& left_out() const { return left_out_; }
  const Nvml& nvml() const { return nvml_; }

  // Memory of a device, made at the first use; as much as is to be had, in accesses of 16 bytes.
  // `data` holds words that are valid and not zero in any format and is never written again;
  // `scratch` is for results. DeviceError, out of memory, if not even `least` bytes are free.
  const gpu::Memory<gpu::Words>& data(std::size_t device);
  const gpu::Memory<gpu::Words>& scratch(std::size_t device);
  static constexpr std::size_t least = std::size_t{1} << 20;
  // What data() will have, in bytes; before it is made, an estimate.
  std::size_t room(std::size_t device) const;

  // The answer of a check, which runs once for each name.
  const std::string& verified(const std::string& what, const std::function<std::string()>& check);

 private:
  GpuBench(const GpuExtent& extent, std::unique_ptr<gpu::Backend> backend);
  gpu::Memory<gpu::Words> most_memory(std::size_t device) const;

  GpuExtent extent_;
  std::unique_ptr<gpu::Backend> backend_;  // outlives all that follows
  std::vector<gpu::Device> devices_;
  std::vector<std::string> left_out_;
  std::vector<gpu::Memory<gpu::Words>> data_, scratch_;
  std::vector<std::size_t> room_;
  std::map<std::string, std::string> verified_;
  Nvml nvml_;
};

// A device that cannot run one small kernel is no use, whatever it says of itself: DeviceError.
void try_out(const gpu::Device& device);

// A case on one device. Whatever fails becomes an outcome: out of memory is Skipped, anything else
// that the device refuses is Invalid.
struct GpuCase {
  results::Parameters parameters;
  model::Work work;
  std::size_t device = 0;  // number in GpuBench::devices()
  // Empty, or what is wrong with the kernels.
  std::function<std::string()> verify;
  std::function<void()> prepare;
  std::function<void()> warm{};  // before each visit
  // Sends execution number `turn` to the device's stream; or `seconds`: executes `inner` times and
  // returns the seconds that they took by the devices' own clock.
  std::function<void(std::int64_t turn)> send;
  std::function<double(std::int64_t inner)> seconds;
  std::function<std::string()> check;
  std::int64_t graph_length = 0;  // executions are captured, so many at a time, and sent as graphs
  std::vector<const gpu::Device*> reachable{};  // devices that must reach each other's memory
  double least_seconds = 500e-6;
  bool energy = false;  // the device's energy over each visit is recorded
};
Case gpu_case(GpuBench& bench, GpuCase what);

// Thrown by `prepare`: cannot run on these devices, which is nobody's fault.
class NotHere : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Executions in the graph of a collective.
inline constexpr std::int64_t graph_length = 16;

// Parameters every GPU case has: the device's number as CUDA counts.
results::Parameters on_device(const GpuBench& bench, std::size_t device,
                              results::Parameters parameters);

}  // namespace limen::probes
