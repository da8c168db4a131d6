// A back end for tests: the same kernel sources on fibers, devices with made-up properties, and
// failures by script.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/fiber.hpp"

namespace limen::gpu {

struct HostOptions {
  int devices = 1;
  Properties properties{};  // of each; name and pci are filled in
  std::size_t memory = std::size_t{256} << 20;
  bool peers = true;
  Needs needs{};                      // of every kernel
  bool shared = false;                // memory can be opened by other processes of the host
  std::uint32_t patience = 1u << 10;  // more where they are to be waited for
  bool tensor_cores = true;           // as far as fibers have them
  unsigned resident_blocks = 4;       // of a multiprocessor
  fiber::Order order = fiber::Order::forward;
  // The n-th call (from 1) of a function ("allocate", "launch", ...) fails with a code.
  std::map<std::pair<std::string, int>, int> failures{};
};

class HostBackend : public Backend {
 public:
  explicit HostBackend(HostOptions options = {}, const KernelTable* kernels = nullptr);
  ~HostBackend() override;

  const KernelTable& kernels() const override;
  bool tensor_cores(int) override { return options_.tensor_cores; }
  std::uint32_t patience() const override { return options_.patience; }
  std::string versions() override { return "host"; }
  int devices() override;
  Properties properties(int device) override;
  std::size_t free_memory(int device) override;
  void* allocate(int device, std::size_t bytes) override;
  void release(int device, void* memory) noexcept override;
  void* allocate_pinned(std::size_t bytes) override;
  void release_pinned(void* memory) noexcept override;
  Stream create_stream(int device) override;
  void destroy_stream(int device, Stream stream) noexcept override;
  void synchronize(int device, Stream stream) override;
  void copy(int device, Stream stream, void* to, const void* from, std::size_t bytes) override;
  void fill(int device, Stream stream, void* to, std::uint8_t value, std::size_t bytes) override;
  void launch(int device, Stream stream, const AnyKernel& kernel, const Launch& launch,
              void** arguments) override;
  Needs needs(int, const AnyKernel&) override { return options_.needs; }
  int resident_blocks(int device, const AnyKernel& kernel, unsigned threads) override;
  Event create_event(int device) override;
  void destroy_event(int device, Event event) noexcept override;
  void record(int device, Stream stream, Event event) override;
  double seconds_between(Event first, Event second) override;
  void begin_capture(int device, Stream stream) override;
  Graph end_capture(int device, Stream stream) override;
  void launch_graph(int device, Graph graph, Stream stream) override;
  void destroy_graph(int device, Graph graph) noexcept override;
  bool can_reach(int device, int peer) override;
  void reach(int device, int peer) override;
  void make_current(int device) override;
  Handle share(int device, void* memory) override;
  void* open_shared(int device, const Handle& handle) override;
  void close_shared(int device, void* memory) noexcept override;

  // Objects that were made and not released: memory, streams, events, graphs.
  int alive() const { return alive_; }

 private:
  struct Queue;
  struct Block {
    int device;
    std::size_t bytes;
    int file = -1;  // that others open, where memory is shared
  };
  void called(const char* name);
  void send(Stream stream, std::function<std::function<bool()>()> work);
  static void give_back(void* memory, const Block& block) noexcept;

  HostOptions options_;
  const KernelTable* kernels_;
  std::map<std::string, int> calls_;
  std::vector<Queue*> queues_;
  std::map<void*, Block> memory_;
  std::map<void*, std::size_t> opened_;  // of other processes, and its bytes
  std::vector<std::size_t> used_;
  int alive_ = 0;
};

}  // namespace limen::gpu
