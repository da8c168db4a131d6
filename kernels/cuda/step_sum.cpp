#include "kernels/cuda/step_sum.hpp"

#include "kernels/cuda/peers.hpp"

namespace limen::gpu {
namespace {

class OwnSum : public StepSum {
 public:
  OwnSum(const DeviceRanks& ranks, std::size_t bytes) : peers_(ranks, bytes) {
    constexpr std::size_t one_shot_bytes = 64 << 10;  // beyond, two shots move less
    peers_.set_up(bytes <= one_shot_bytes ? AllReduce::one_shot : AllReduce::two_shot, bytes);
  }
  void send(std::size_t rank, const U32* data, U32* out) override {
    peers_.send(rank, data, out, 1, peers_.device(rank).backend().patience());
  }
  std::string trouble() const override { return peers_.trouble(); }
  void close() override { peers_.close(); }

 private:
  Peers peers_;
};

class NcclSum : public StepSum {
 public:
  NcclSum(const DeviceRanks& ranks, Nccl& nccl, std::size_t bytes)
      : nccl_(nccl), last_(ranks.first + ranks.devices.size() - 1), bytes_(bytes) {}
  // NCCL wants the calls of all devices of a process at once.
  void send(std::size_t rank, const U32* data, U32* out) override {
    in_.push_back(data);
    out_.push_back(out);
    if (rank != last_) return;
    nccl_.run(Collective::all_reduce, std::exchange(in_, {}), std::exchange(out_, {}), bytes_);
  }

 private:
  Nccl& nccl_;
  std::size_t last_, bytes_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
};

}  // namespace

const char* name(ExchangeBy by) { return by == ExchangeBy::own ? "own" : "nccl"; }

std::unique_ptr<StepSum> make_step_sum(const DeviceRanks& ranks, ExchangeBy by, Nccl* nccl,
                                       std::size_t bytes) {
  if (by == ExchangeBy::own) return std::make_unique<OwnSum>(ranks, bytes);
  return std::make_unique<NcclSum>(ranks, *nccl, bytes);
}

}  // namespace limen::gpu
