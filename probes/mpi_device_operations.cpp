#include "probes/mpi_device_operations.hpp"

#include <algorithm>

namespace limen::probes {
namespace {

using gpu::Collective;
using kernels::mpi::Operation;

constexpr std::uint16_t poison = 0xffff;  // no number

// A collective between vectors of bf16 on a device; what it is comes from the derived class.
class DeviceOperation : public Operation {
 public:
  DeviceOperation(const gpu::DeviceRanks& ranks, Collective what, std::size_t bytes, Sent sent)
      : ranks_(ranks), what_(what), bytes_(bytes), sent_(sent) {}

  void run() override {
    if (graph_) {
      graph_->launch();
      sent_again();
    } else {
      call();
    }
    device().synchronize();
  }

  bool verify() override {
    const std::size_t n = bytes_ / 2;
    device().fill(out_.data(), poison & 0xff, out_.bytes());
    run();
    const auto got = gpu::download(device(), out_.data(), n);
    const std::size_t share = n / ranks_.ranks,
                      filled = what_ == Collective::reduce_scatter ? share : n;
    for (std::size_t i = 0; i < n; ++i)
      if (got[i] !=
          (i < filled ? gpu::nccl_output(what_, ranks_.first, ranks_.ranks, share, i) : poison))
        return false;
    return intact();
  }

  int trips() const override { return graph_ ? graph_calls(bytes_) : 1; }

 protected:
  // Once, at every rank together.
  void prepare() {
    ranks_.together([this] {
      std::vector<std::uint16_t> words(bytes_ / 2);
      for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = gpu::nccl_input(ranks_.first, ranks_.ranks, i);
      in_ = gpu::upload(device(), words);
      out_ = gpu::Memory<std::uint16_t>(device(), words.size());
    });
    call();  // outside of a graph: what is made at the first call is made
    device().synchronize();
    if (sent_ == Sent::stream) return;
    ranks_.together([this] {
      graph_ = std::make_unique<gpu::CapturedGraph>(device(), [this] {
        for (int i = 0; i < graph_calls(bytes_); ++i) call();
      });
    });
  }
  const gpu::Device& device() const { return *ranks_.devices[0]; }
  std::size_t bytes() const { return bytes_; }
  Collective what() const { return what_; }
  const std::uint16_t* in() const { return in_.data(); }
  std::uint16_t* out() const { return out_.data(); }

 private:
  virtual void call() = 0;  // sends one to the device's stream
  virtual void sent_again() {}

  gpu::DeviceRanks ranks_;
  Collective what_;
  std::size_t bytes_;
  Sent sent_;
  gpu::Memory<std::uint16_t> in_, out_;
  std::unique_ptr<gpu::CapturedGraph> graph_;
};

class NcclOperation : public DeviceOperation {
 public:
  NcclOperation(const gpu::DeviceRanks& ranks, gpu::Nccl& nccl, Collective what, std::size_t bytes,
                Sent sent)
      : DeviceOperation(ranks, what, bytes, sent), nccl_(nccl) {
    prepare();
  }

 private:
  void call() override { nccl_.run(what(), {in()}, {out()}, bytes()); }

  gpu::Nccl& nccl_;
};

class OwnAllReduce : public DeviceOperation {
 public:
  OwnAllReduce(const gpu::DeviceRanks& ranks, gpu::Peers& peers, gpu::AllReduce kind,
               std::size_t bytes, Sent sent)
      : DeviceOperation(ranks, Collective::all_reduce, bytes, sent),
        peers_(peers),
        rank_(ranks.first) {
    peers_.set_up(kind, bytes);
    prepare();
  }
  bool intact() override { return peers_.trouble().empty(); }

 private:
  void call() override {
    peers_.send(rank_, reinterpret_cast<const gpu::U32*>(in()), reinterpret_cast<gpu::U32*>(out()),
                1, device().backend().patience());
  }
  void sent_again() override { peers_.sent_again(static_cast<gpu::U32>(trips())); }

  gpu::Peers& peers_;
  std::size_t rank_;
};

}  // namespace

void* DeviceMemory::allocate(std::size_t bytes) {
  return device_.backend().allocate(device_.number(), std::max<std::size_t>(16, bytes));
}
void DeviceMemory::release(void* memory) noexcept {
  device_.backend().release(device_.number(), memory);
}
void DeviceMemory::put(void* to, const void* from, std::size_t bytes) {
  device_.copy(to, from, bytes);
  device_.synchronize();
}
void DeviceMemory::get(void* to, const void* from, std::size_t bytes) { put(to, from, bytes); }

int graph_calls(std::size_t bytes) {
  return static_cast<int>(
      std::clamp<std::size_t>((4 << 20) / std::max<std::size_t>(1, bytes), 1, 32));
}

std::unique_ptr<Operation> nccl_operation(const gpu::DeviceRanks& ranks, gpu::Nccl& nccl,
                                          Collective what, std::size_t bytes, Sent sent) {
  return std::make_unique<NcclOperation>(ranks, nccl, what, bytes, sent);
}

std::unique_ptr<Operation> own_all_reduce(const gpu::DeviceRanks& ranks, gpu::Peers& peers,
                                          gpu::AllReduce kind, std::size_t bytes, Sent sent) {
  return std::make_unique<OwnAllReduce>(ranks, peers, kind, bytes, sent);
}

}  // namespace limen::probes
