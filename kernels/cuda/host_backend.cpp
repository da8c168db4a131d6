#include "kernels/cuda/host_backend.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>

#include <fmt/format.h>

#include "kernels/cuda/table.hpp"

namespace limen::gpu {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Work makes a step function when it begins; a step says whether there is more to do.
using Work = std::function<std::function<bool()>()>;
using Recorded = std::vector<Work>;

Work at_once(std::function<void()> action) {
  return [action = std::move(action)] {
    return [action] {
      action();
      return false;
    };
  };
}

}  // namespace

struct HostBackend::Queue {
  std::deque<Work> waiting;
  std::function<bool()> running;
  std::unique_ptr<Recorded> capture;
  bool step() {  // true if there may be more to do
    if (!running) {
      if (waiting.empty()) return false;
      running = waiting.front()();
      waiting.pop_front();
    }
    if (!running()) running = nullptr;
    return running || !waiting.empty();
  }
};

HostBackend::HostBackend(HostOptions options, const KernelTable* kernels)
    : options_(std::move(options)),
      kernels_(kernels != nullptr ? kernels : &host_kernels()),
      used_(static_cast<std::size_t>(std::max(0, options_.devices))) {}
HostBackend::~HostBackend() {
  for (auto* queue : queues_) delete queue;
  for (const auto& [memory, block] : memory_) give_back(memory, block);
}

void HostBackend::called(const char* name) {
  const auto found = options_.failures.find({name, ++calls_[name]});
  if (found != options_.failures.end())
    throw DeviceError(fmt::format("{}: failed by script (error {})", name, found->second),
                      found->second);
}

const KernelTable& HostBackend::kernels() const { return *kernels_; }
int HostBackend::devices() {
  called("devices");
  return options_.devices;
}
Properties HostBackend::properties(int device) {
  called("properties");
  Properties p = options_.properties;
  p.name = "host (emulated)";
  p.pci = fmt::format("0000:{:02x}:00.0", 16 + device);
  p.memory = options_.memory;
  p.emulated = true;
  return p;
}
std::size_t HostBackend::free_memory(int device) {
  called("free_memory");
  return options_.memory - used_.at(static_cast<std::size_t>(device));
}

void* HostBackend::allocate(int device, std::size_t bytes) {
  called("allocate");
  auto& used = used_.at(static_cast<std::size_t>(device));
  if (used + bytes > options_.memory)
    throw DeviceError(fmt::format("allocate: {} bytes on device {}: out of memory", bytes, device),
                      2);
  Block block{device, bytes};
  void* memory = nullptr;
  if (options_.shared) {
    block.file = memfd_create("limen", MFD_CLOEXEC);
    if (block.file < 0 || ftruncate(block.file, static_cast<off_t>(bytes)) != 0)
      throw DeviceError("allocate: no memory that can be shared", 2);
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, block.file, 0);
    if (memory == MAP_FAILED) memory = nullptr;
  } else {
    memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  }
  if (memory == nullptr) throw DeviceError("allocate: the host is out of memory", 2);
  std::memset(memory, 0xfd, bytes);
  used += bytes;
  memory_[memory] = block;
  ++alive_;
  return memory;
}
void HostBackend::release(int, void* memory) noexcept {
  const auto found = memory_.find(memory);
  if (found == memory_.end()) return;
  used_[static_cast<std::size_t>(found->second.device)] -= found->second.bytes;
  give_back(memory, found->second);
  memory_.erase(found);
  --alive_;
}
void HostBackend::give_back(void* memory, const Block& block) noexcept {
  if (block.file < 0) {
    std::free(memory);
    return;
  }
  munmap(memory, block.bytes);
  close(block.file);
}
void* HostBackend::allocate_pinned(std::size_t bytes) {
  called("allocate_pinned");
  ++alive_;
  return std::aligned_alloc(256, (bytes + 255) / 256 * 256);
}
void HostBackend::release_pinned(void* memory) noexcept {
  std::free(memory);
  --alive_;
}

Backend::Stream HostBackend::create_stream(int) {
  called("create_stream");
  queues_.push_back(new Queue);
  ++alive_;
  return queues_.back();
}
void HostBackend::destroy_stream(int, Stream stream) noexcept {
  auto* queue = static_cast<Queue*>(stream);
  std::erase(queues_, queue);
  delete queue;
  --alive_;
}
void HostBackend::synchronize(int, Stream stream) {
  called("synchronize");
  auto* queue = static_cast<Queue*>(stream);
  try {
    while (queue->running || !queue->waiting.empty())
      for (auto* each : queues_) each->step();
  } catch (const std::runtime_error& e) {
    for (auto* each : queues_) {
      each->running = nullptr;
      each->waiting.clear();
    }
    throw DeviceError(fmt::format("synchronize: {}", e.what()), 702);
  }
}

void HostBackend::send(Stream stream, Work work) {
  auto* queue = static_cast<Queue*>(stream);
  if (queue->capture) {
    queue->capture->push_back(std::move(work));
  } else {
    queue->waiting.push_back(std::move(work));
  }
}
void HostBackend::copy(int, Stream stream, void* to, const void* from, std::size_t bytes) {
  called("copy");
  send(stream, at_once([=] { std::memcpy(to, from, bytes); }));
}
void HostBackend::fill(int, Stream stream, void* to, std::uint8_t value, std::size_t bytes) {
  called("fill");
  send(stream, at_once([=] { std::memset(to, value, bytes); }));
}

void HostBackend::launch(int device, Stream stream, const AnyKernel& kernel, const Launch& how,
                         void** arguments) {
  called("launch");
  const unsigned resident =
      options_.resident_blocks * static_cast<unsigned>(options_.properties.multiprocessors);
  if (how.cooperative && how.grid.x * how.grid.y > resident)
    throw DeviceError(fmt::format("{}: {} blocks cannot run at once on device {}", kernel.name,
                                  how.grid.x * how.grid.y, device),
                      720);
  struct Arguments {
    std::vector<std::vector<std::uint64_t>> values;
    std::vector<void*> pointers;
  };
  auto kept = std::make_shared<Arguments>();
  for (std::size_t i = 0; i < kernel.sizes.size(); ++i) {
    kept->values.emplace_back((kernel.sizes[i] + 7) / 8);
    std::memcpy(kept->values.back().data(), arguments[i], kernel.sizes[i]);
  }
  for (auto& value : kept->values) kept->pointers.push_back(value.data());
  const auto function = reinterpret_cast<void (*)(void**)>(const_cast<void*>(kernel.function));
  const fiber::Dimensions dimensions{how.grid.x, how.grid.y, how.threads};
  send(stream, [=, order = options_.order]() -> std::function<bool()> {
    auto grid = std::make_shared<fiber::Grid>([=] { function(kept->pointers.data()); }, dimensions,
                                              resident, order);
    return [grid] { return grid->step(); };
  });
}
int HostBackend::resident_blocks(int, const AnyKernel&, unsigned) {
  called("resident_blocks");
  return static_cast<int>(options_.resident_blocks);
}

Backend::Event HostBackend::create_event(int) {
  called("create_event");
  ++alive_;
  return new double(0);
}
void HostBackend::destroy_event(int, Event event) noexcept {
  delete static_cast<double*>(event);
  --alive_;
}
void HostBackend::record(int, Stream stream, Event event) {
  called("record");
  send(stream, at_once([event] { *static_cast<double*>(event) = now(); }));
}
double HostBackend::seconds_between(Event first, Event second) {
  called("seconds_between");
  return *static_cast<double*>(second) - *static_cast<double*>(first);
}

void HostBackend::begin_capture(int, Stream stream) {
  called("begin_capture");
  static_cast<Queue*>(stream)->capture = std::make_unique<Recorded>();
}
Backend::Graph HostBackend::end_capture(int, Stream stream) {
  auto recorded = std::move(static_cast<Queue*>(stream)->capture);
  called("end_capture");
  ++alive_;
  return recorded.release();
}
void HostBackend::launch_graph(int, Graph graph, Stream stream) {
  called("launch_graph");
  for (const auto& work : *static_cast<Recorded*>(graph)) send(stream, work);
}
void HostBackend::destroy_graph(int, Graph graph) noexcept {
  delete static_cast<Recorded*>(graph);
  --alive_;
}

bool HostBackend::can_reach(int, int) {
  called("can_reach");
  return options_.peers;
}
void HostBackend::reach(int, int) {
  called("reach");
  if (!options_.peers) throw DeviceError("reach: peer access is not supported", 217);
}

void HostBackend::make_current(int) { called("make_current"); }

namespace {

struct SharedFile {  // what a handle holds
  pid_t process;
  int file;
  std::size_t bytes;
};

}  // namespace

Backend::Handle HostBackend::share(int, void* memory) {
  called("share");
  const auto found = memory_.find(memory);
  if (found == memory_.end() || found->second.file < 0)
    throw DeviceError("share: no memory that can be shared", 801);
  const SharedFile file{getpid(), found->second.file, found->second.bytes};
  Handle handle;
  std::memcpy(handle.bytes.data(), &file, sizeof file);
  return handle;
}
void* HostBackend::open_shared(int, const Handle& handle) {
  called("open_shared");
  SharedFile shared{};
  std::memcpy(&shared, handle.bytes.data(), sizeof shared);
  const int file =
      open(fmt::format("/proc/{}/fd/{}", shared.process, shared.file).c_str(), O_RDWR | O_CLOEXEC);
  void* memory = file < 0
                     ? MAP_FAILED
                     : mmap(nullptr, shared.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (memory == MAP_FAILED)
    throw DeviceError("open_shared: memory of another process cannot be opened", 201);
  opened_[memory] = shared.bytes;
  ++alive_;
  return memory;
}
void HostBackend::close_shared(int, void* memory) noexcept {
  const auto found = opened_.find(memory);
  if (found == opened_.end()) return;
  munmap(memory, found->second);
  opened_.erase(found);
  --alive_;
}

}  // namespace limen::gpu
