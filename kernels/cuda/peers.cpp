#include "kernels/cuda/peers.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kernels/cuda/operations.hpp"

namespace limen::gpu {
namespace {

constexpr unsigned most_blocks = 64;  // of an all-reduce
void reach_each_other(const std::vector<const Device*>& devices) {
  if (const auto why = out_of_reach(devices); !why.empty()) throw DeviceError(why, 217);
  for (const auto* d : devices)
    for (const auto* peer : devices)
      if (peer->number() != d->number()) d->backend().reach(d->number(), peer->number());
}

}  // namespace

std::string out_of_reach(const std::vector<const Device*>& devices) {
  for (const auto* d : devices)
    for (const auto* peer : devices)
      if (peer->number() != d->number() && !d->backend().can_reach(d->number(), peer->number()))
        return fmt::format("device {} cannot reach the memory of device {}", d->number(),
                           peer->number());
  return {};
}

const char* name(AllReduce kind) { return kind == AllReduce::one_shot ? "one-shot" : "two-shot"; }

Peers::Peers(const DeviceRanks& ranks, std::size_t bytes)
    : ranks_(ranks), capacity_((bytes / 4 + 1) / 2 * 2), inbox_(ranks.ranks) {
  if (size() < 2 || size() > most_ranks)
    refuse(fmt::format("all-reduce among {} devices; 2 to {}", size(), most_ranks));
  ranks_.together([&] {
    reach_each_other(ranks_.devices);
    // CUDA shares the whole of what it took from the system, 2 MiB at a time.
    const std::size_t whole = ranks_.others == nullptr ? 1 : (std::size_t{2} << 20) / sizeof(U64);
    const auto words = inbox_words(static_cast<unsigned>(size()), capacity_);
    for (const auto* d : ranks_.devices) {
      load(*d, d->kernels().one_shot);
      load(*d, d->kernels().two_shot);
      const auto& inbox = inboxes_.emplace_back(*d, (words + whole - 1) / whole * whole);
      counters_.emplace_back(*d, most_blocks);
      const auto& status = status_.emplace_back(*d, 1);
      inbox_[ranks_.first + inboxes_.size() - 1] = inbox.data();
      d->fill(inbox.data(), 0, inbox.bytes());  // no call has the number 0
      d->fill(status.data(), 0, sizeof(Status));
      d->synchronize();
    }
  });
  if (ranks_.others != nullptr) open_others();
}

void Peers::open_others() {
  const Device& d = *ranks_.devices[0];
  Backend::Handle mine;
  ranks_.together([&] { mine = d.backend().share(d.number(), inboxes_[0].data()); });
  const auto handles = ranks_.others->gather(mine);
  try {
    ranks_.together([&] {
      for (std::size_t rank = 0; rank < size(); ++rank)
        if (rank != ranks_.first)
          inbox_[rank] = static_cast<U64*>(d.backend().open_shared(d.number(), handles[rank]));
    });
  } catch (const DeviceError&) {
    let_go();
    throw;
  }
}

void Peers::let_go() noexcept {
  if (ranks_.others == nullptr) return;
  const Device& d = *ranks_.devices[0];
  for (std::size_t rank = 0; rank < size(); ++rank)
    if (rank != ranks_.first && inbox_[rank] != nullptr)
      d.backend().close_shared(d.number(), std::exchange(inbox_[rank], nullptr));
}

Peers::~Peers() { let_go(); }

void Peers::close() {
  if (ranks_.others == nullptr) return;
  ranks_.devices[0]->synchronize();
  ranks_.others->barrier();  // nobody writes to the others any more
  let_go();
  ranks_.others->barrier();
}

// Waiting for a device makes what its kernels wrote visible everywhere, and the barrier between
// processes orders that before whatever a rank launches next: no packet of an old grid is on its
// way when a new one begins, and all count from the same number.
void Peers::set_up(AllReduce kind, std::size_t bytes) {
  if (bytes == 0 || bytes % 8 != 0 || bytes / 4 > capacity_)
    refuse(fmt::format("all-reduce of {} bytes; a multiple of 8, up to {}", bytes, 4 * capacity_));
  kind_ = kind;
  pairs_ = bytes / 4;
  const auto wait_for_all = [&] {
    for (const auto* d : ranks_.devices) d->synchronize();
    if (ranks_.others != nullptr) ranks_.others->barrier();
  };
  wait_for_all();
  const std::vector<U32> from(most_blocks, count_);
  for (std::size_t i = 0; i < counters_.size(); ++i)
    ranks_.devices[i]->copy(counters_[i].data(), from.data(), most_blocks * sizeof(U32));
  wait_for_all();
}

void Peers::send(std::size_t rank, const U32* data, U32* out, U32 calls, U32 polls) {
  if (pairs_ == 0) refuse("all-reduce without set_up");
  Ranks r{static_cast<unsigned>(rank), static_cast<unsigned>(size()), capacity_, {}};
  for (std::size_t i = 0; i < size(); ++i) r.inbox[i] = inbox_[i];
  const Device& d = device(rank);
  const auto& kernel = kind_ == AllReduce::one_shot ? d.kernels().one_shot : d.kernels().two_shot;
  // Every thread two pairs at a time. Few blocks: all of them must run at once, on every rank.
  const std::size_t own = kind_ == AllReduce::one_shot ? pairs_ : pairs_ / size() + 2;
  const unsigned blocks = std::clamp(ceiling(own, 2 * kernel.threads), 1u, most_blocks);
  d.launch(kernel, {{blocks}, kernel.threads}, r, data, out, pairs_, counters_[local(rank)].data(),
           calls, polls, status_[local(rank)].data());
  if (rank == ranks_.first) count_ += calls;
}

std::string Peers::trouble() const {
  for (const auto* d : ranks_.devices) d->synchronize();
  for (std::size_t i = 0; i < status_.size(); ++i) {
    const auto status = download(*ranks_.devices[i], status_[i].data(), 1)[0];
    if (status != 0)
      return fmt::format("rank {} on device {} waited in vain for rank {}", ranks_.first + i,
                         ranks_.devices[i]->number(), status - 1);
  }
  return {};
}

model::Work all_reduce_work(std::size_t bytes) {
  return {model::bytes(static_cast<double>(bytes)), model::bytes(static_cast<double>(bytes)),
          model::flops(0.0)};
}

}  // namespace limen::gpu
