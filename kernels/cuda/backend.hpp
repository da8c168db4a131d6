// What a GPU is to the rest of limen: devices, memory, copies, launches, elapsed time, peers. One
// back end is CUDA (cuda_backend.hpp), one runs the same kernels on fibers for tests
// (host_backend.hpp).
//
// Everything throws DeviceError; what only releases is silent.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace limen::gpu {

struct KernelTable;

// A call that failed: which, with what code of the CUDA runtime, and what that means.
class DeviceError : public std::runtime_error {
 public:
  DeviceError(const std::string& what, int code) : std::runtime_error(what), code_(code) {}
  int code() const { return code_; }
  bool out_of_memory() const { return code_ == 2; }
  bool not_supported() const { return code_ == 801; }
  // No usable device at all, which is normal: stub library, no driver, no device.
  bool no_device() const { return code_ == 34 || code_ == 35 || code_ == 100; }

 private:
  int code_;
};

struct Properties {
  std::string name;
  std::string pci;  // 0000:1b:00.0
  int major = 0, minor = 0;
  int multiprocessors = 1;
  std::size_t memory = 0, second_cache = 0;  // bytes
  std::size_t shared_per_block = 48 * 1024;
  unsigned threads_per_block = 1024, grid_x = 2147483647, grid_y = 65535;
  double memory_hertz = 0, core_hertz = 0;  // the highest clocks; 0: not told
  int bus_bits = 0;                         // of the memory; 0: not told
  bool ecc = false;
  bool cooperative = false;  // can start a grid whose blocks all run at once
  bool emulated = false;     // a CPU plays the device: its times mean nothing
};

struct Dim {
  unsigned x = 1, y = 1;
};
struct Launch {
  Dim grid;
  unsigned threads = 1;
  bool cooperative = false;  // all blocks at once, or an error
};

// A kernel of one side, and the sizes of its arguments.
struct AnyKernel {
  const char* name = "";
  const void* function = nullptr;
  unsigned threads = 0;  // it is compiled for
  std::vector<std::size_t> sizes{};
};
template <class... A>
struct Kernel : AnyKernel {};
// What a block of a kernel takes on a device, and the most threads that its registers leave.
struct Needs {
  std::size_t shared = 0;  // bytes
  unsigned threads = 1024;
};

class Backend {
 public:
  using Stream = void*;
  using Event = void*;
  using Graph = void*;

  virtual ~Backend() = default;
  virtual const KernelTable& kernels() const = 0;
  // Whether products of matrices on tensor cores (tensor_gemm.cuh) run on a device.
  virtual bool tensor_cores(int) { return false; }
  // Streams are CUDA's own, for libraries that take them.
  virtual bool is_cuda() const { return false; }
  // Looks of a wait in a kernel before it gives up: some seconds.
  virtual std::uint32_t patience() const { return 1u << 22; }
  virtual std::string versions() = 0;  // of driver and runtime, for the provenance

  virtual int devices() = 0;
  virtual Properties properties(int device) = 0;
  virtual std::size_t free_memory(int device) = 0;

  virtual void* allocate(int device, std::size_t bytes) = 0;
  virtual void release(int device, void* memory) noexcept = 0;
  virtual void* allocate_pinned(std::size_t bytes) = 0;  // of the host, next to its devices
  virtual void release_pinned(void* memory) noexcept = 0;

  virtual Stream create_stream(int device) = 0;
  virtual void destroy_stream(int device, Stream stream) noexcept = 0;
  virtual void synchronize(int device, Stream stream) = 0;
  // In stream order. Memory of any device that may be reached, or pinned memory.
  virtual void copy(int device, Stream stream, void* to, const void* from, std::size_t bytes) = 0;
  virtual void fill(int device, Stream stream, void* to, std::uint8_t value, std::size_t bytes) = 0;
  virtual void launch(int device, Stream stream, const AnyKernel& kernel, const Launch& launch,
                      void** arguments) = 0;
  virtual Needs needs(int device, const AnyKernel& kernel) = 0;
  // Blocks of a kernel that a multiprocessor holds at once.
  virtual int resident_blocks(int device, const AnyKernel& kernel, unsigned threads) = 0;

  virtual Event create_event(int device) = 0;
  virtual void destroy_event(int device, Event event) noexcept = 0;
  virtual void record(int device, Stream stream, Event event) = 0;
  virtual double seconds_between(Event first, Event second) = 0;

  // What is sent to the stream between the two is recorded and not run.
  virtual void begin_capture(int device, Stream stream) = 0;
  virtual Graph end_capture(int device, Stream stream) = 0;
  virtual void launch_graph(int device, Graph graph, Stream stream) = 0;
  virtual void destroy_graph(int device, Graph graph) noexcept = 0;

  virtual bool can_reach(int device, int peer) = 0;
  virtual void reach(int device, int peer) = 0;  // once or more often

  // For libraries that act on the device that is current in this thread.
  virtual void make_current(int device) = 0;

  // Memory as another process of this host opens it, there to be reached from `device`. Closed
  // before its owner releases it.
  struct Handle {
    std::array<char, 64> bytes{};
  };
  virtual Handle share(int device, void* memory) = 0;
  virtual void* open_shared(int device, const Handle& handle) = 0;
  virtual void close_shared(int device, void* memory) noexcept = 0;
};

// DeviceError, which names the limit, if a launch is beyond one of the device.
void check_launch(const Properties& properties, const AnyKernel& kernel, const Needs& needs,
                  const Launch& launch);

// A device with a stream of its own, and what it costs to use the interface: nothing but this.
class Device {
 public:
  Device(Backend& backend, int number)
      : backend_(&backend),
        number_(number),
        properties_(backend.properties(number)),
        stream_(backend.create_stream(number)) {}
  ~Device() {
    if (stream_ != nullptr) backend_->destroy_stream(number_, stream_);
  }
  Device(Device&& other) noexcept
      : backend_(other.backend_),
        number_(other.number_),
        properties_(std::move(other.properties_)),
        stream_(std::exchange(other.stream_, nullptr)) {}
  Device& operator=(Device&&) = delete;

  Backend& backend() const { return *backend_; }
  int number() const { return number_; }
  const Properties& properties() const { return properties_; }
  Backend::Stream stream() const { return stream_; }
  const KernelTable& kernels() const { return backend_->kernels(); }

  void synchronize() const { backend_->synchronize(number_, stream_); }
  void fill(void* to, std::uint8_t value, std::size_t bytes) const {
    if (bytes > 0) backend_->fill(number_, stream_, to, value, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) const {
    if (bytes > 0) backend_->copy(number_, stream_, to, from, bytes);
  }
  template <class... A>
  void launch(const Kernel<A...>& kernel, const Launch& how,
              std::type_identity_t<A>... arguments) const {
    check_launch(properties_, kernel, backend_->needs(number_, kernel), how);
    void* pointers[] = {&arguments...};
    backend_->launch(number_, stream_, kernel, how, pointers);
  }

 private:
  Backend* backend_;
  int number_;
  Properties properties_;
  Backend::Stream stream_;
};

// Memory of a device, released silently.
template <class T>
class Memory {
 public:
  Memory() = default;
  Memory(const Device& device, std::size_t count)
      : backend_(&device.backend()),
        device_(device.number()),
        count_(count),
        data_(static_cast<T*>(
            backend_->allocate(device_, std::max<std::size_t>(16, count * sizeof(T))))) {}
  ~Memory() { reset(); }
  Memory(Memory&& other) noexcept { *this = std::move(other); }
  Memory& operator=(Memory&& other) noexcept {
    if (this == &other) return *this;
    reset();
    backend_ = other.backend_;
    device_ = other.device_;
    count_ = std::exchange(other.count_, 0);
    data_ = std::exchange(other.data_, nullptr);
    return *this;
  }

  T* data() const { return data_; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }
  void reset() noexcept {
    if (data_ != nullptr) backend_->release(device_, data_);
    data_ = nullptr;
    count_ = 0;
  }

 private:
  Backend* backend_ = nullptr;
  int device_ = 0;
  std::size_t count_ = 0;
  T* data_ = nullptr;
};

// Device memory with a copy of what a vector holds; and back. Both wait.
template <class T>
Memory<T> upload(const Device& device, const std::vector<T>& from) {
  Memory<T> to(device, from.size());
  device.copy(to.data(), from.data(), from.size() * sizeof(T));
  device.synchronize();
  return to;
}
template <class T>
std::vector<T> download(const Device& device, const T* from, std::size_t count) {
  std::vector<T> to(count);
  device.copy(to.data(), from, count * sizeof(T));
  device.synchronize();
  return to;
}

// Two events, one before and one after what is timed.
class Stopwatch {
 public:
  explicit Stopwatch(const Device& device) : device_(&device) {
    Backend& b = device.backend();
    first_ = b.create_event(device.number());
    try {
      last_ = b.create_event(device.number());
    } catch (...) {
      b.destroy_event(device.number(), first_);
      throw;
    }
  }
  ~Stopwatch() {
    device_->backend().destroy_event(device_->number(), first_);
    device_->backend().destroy_event(device_->number(), last_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void start() { device_->backend().record(device_->number(), device_->stream(), first_); }
  void mark() { device_->backend().record(device_->number(), device_->stream(), last_); }
  // Waits; seconds by the device's clock from start to mark.
  double seconds() {
    device_->synchronize();
    return device_->backend().seconds_between(first_, last_);
  }
  double stop() {
    mark();
    return seconds();
  }

 private:
  const Device* device_;
  Backend::Event first_ = nullptr, last_ = nullptr;
};

// What `record` sent to the streams of some devices, to be sent again as a whole. All of them are
// captured at once, since a library's call may concern several (NCCL).
class CapturedGraph {
 public:
  template <class Record>
  CapturedGraph(const std::vector<const Device*>& devices, Record&& record) {
    parts_.reserve(devices.size());
    try {
      for (const Device* d : devices) {
        d->backend().begin_capture(d->number(), d->stream());
        parts_.push_back({d});
      }
      record();
    } catch (...) {
      for (Part& part : parts_) {
        try {
          end(part);
        } catch (const DeviceError&) {  // what is thrown below says more
        }
      }
      release();
      throw;
    }
    try {
      for (Part& part : parts_) end(part);
    } catch (...) {
      release();
      throw;
    }
  }
  template <class Record>
  CapturedGraph(const Device& device, Record&& record)
      : CapturedGraph(std::vector<const Device*>{&device}, std::forward<Record>(record)) {}
  ~CapturedGraph() { release(); }
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;

  void launch() const {
    for (const auto& [d, graph] : parts_)
      d->backend().launch_graph(d->number(), graph, d->stream());
  }

 private:
  struct Part {
    const Device* device;
    Backend::Graph graph = nullptr;
  };
  static void end(Part& part) {
    part.graph = part.device->backend().end_capture(part.device->number(), part.device->stream());
  }
  void release() noexcept {
    for (const auto& [d, graph] : parts_)
      if (graph != nullptr) d->backend().destroy_graph(d->number(), graph);
  }

  std::vector<Part> parts_;
};

}  // namespace limen::gpu
