#include "kernels/cuda/nccl.hpp"

#include <dlfcn.h>

#include <bit>
#include <cstdint>
#include <exception>

#include <fmt/format.h>

#include "kernels/cuda/numbers.hpp"

namespace limen::gpu {

const char* name(Collective c) {
  constexpr const char* names[] = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all"};
  return names[static_cast<int>(c)];
}

namespace {

// As NCCL 2 documents them.
constexpr int bf16 = 9, sum = 0;
using Comm = void*;
using Stream = void*;

class Library {
 public:
  explicit Library(void* handle) : handle_(handle) {}
  ~Library() { dlclose(handle_); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  template <class... A>
  int call(const char* function, A... a) const {
    const auto f = reinterpret_cast<int (*)(A...)>(dlsym(handle_, function));
    if (f == nullptr) throw DeviceError(fmt::format("this NCCL has no {}", function), 801);
    return f(a...);
  }
  template <class... A>
  void must(const char* function, A... a) const {
    const int code = call(function, a...);
    if (code == 0) return;
    throw DeviceError(fmt::format("{}: {} (NCCL error {})", function, text(code), code), 999);
  }
  // The stand-in of ptxemu, for tests: it waits for ranks in its own process alone, and frees at a
  // graph's first launch what the next one needs.
  bool of_ptxemu() const { return text(1).find("ptxemu") != std::string::npos; }

 private:
  std::string text(int code) const {
    const auto f = reinterpret_cast<const char* (*)(int)>(dlsym(handle_, "ncclGetErrorString"));
    return f != nullptr ? f(code) : "failed";
  }

  void* handle_;
};

struct UniqueId {
  char internal[128];
};

class Communicator : public Nccl {
 public:
  Communicator(std::unique_ptr<Library> library, const DeviceRanks& ranks)
      : lib_(std::move(library)), ranks_(ranks), comms_(ranks.devices.size(), nullptr) {
    if (ranks_.others != nullptr) {
      join();
      return;
    }
    std::vector<int> numbers;
    for (const auto* d : ranks_.devices) numbers.push_back(d->number());
    lib_->must("ncclCommInitAll", comms_.data(), static_cast<int>(numbers.size()),
               static_cast<const int*>(numbers.data()));
  }
  ~Communicator() override {
    // When something failed, others may be gone: wait for nobody.
    const char* end = std::uncaught_exceptions() > 0 ? "ncclCommAbort" : "ncclCommDestroy";
    try {
      for (Comm c : comms_)
        if (c != nullptr) lib_->call(end, c);
    } catch (const DeviceError&) {  // nothing is left to be done
    }
  }

  std::string version() const override {
    int v = 0;
    lib_->must("ncclGetVersion", &v);
    return fmt::format("NCCL {}.{}.{}", v / 10000, v / 100 % 100, v % 100);
  }

  std::string not_in_graphs() const override {
    return lib_->of_ptxemu() ? "this NCCL cannot be captured in a graph" : "";
  }

  void run(Collective what, const std::vector<const void*>& in, const std::vector<void*>& out,
           std::size_t bytes) override {
    const std::size_t n = ranks_.ranks, all = bytes / 2, share = all / n;
    lib_->must("ncclGroupStart");
    for (std::size_t r = 0; r < comms_.size(); ++r) {
      const Stream stream = ranks_.devices[r]->stream();
      switch (what) {
        case Collective::all_reduce:
          lib_->must("ncclAllReduce", in[r], out[r], all, bf16, sum, comms_[r], stream);
          break;
        case Collective::all_gather:
          lib_->must("ncclAllGather", in[r], out[r], share, bf16, comms_[r], stream);
          break;
        case Collective::reduce_scatter:
          lib_->must("ncclReduceScatter", in[r], out[r], share, bf16, sum, comms_[r], stream);
          break;
        case Collective::all_to_all:
          for (std::size_t peer = 0; peer < n; ++peer) {
            const auto* from = static_cast<const std::uint16_t*>(in[r]) + peer * share;
            auto* to = static_cast<std::uint16_t*>(out[r]) + peer * share;
            lib_->must("ncclSend", static_cast<const void*>(from), share, bf16,
                       static_cast<int>(peer), comms_[r], stream);
            lib_->must("ncclRecv", static_cast<void*>(to), share, bf16, static_cast<int>(peer),
                       comms_[r], stream);
          }
      }
    }
    lib_->must("ncclGroupEnd");
  }

 private:
  // Rank 0's id brings the processes together.
  void join() {
    const Device& d = *ranks_.devices[0];
    UniqueId id{};
    ranks_.together([&] {
      if (ranks_.first == 0) lib_->must("ncclGetUniqueId", &id);
    });
    ranks_.others->from_first(&id, sizeof id);
    ranks_.together([&] {
      d.backend().make_current(d.number());
      lib_->must("ncclCommInitRank", comms_.data(), static_cast<int>(ranks_.ranks), id,
                 static_cast<int>(ranks_.first));
    });
  }

  std::unique_ptr<Library> lib_;
  DeviceRanks ranks_;
  std::vector<Comm> comms_;
};

std::uint16_t integer(unsigned v) { return exact_bf16(static_cast<float>(v)); }

// bf16 counts to 256: of many ranks only some give an element more than 0, each rank to others.
unsigned value(std::size_t rank, std::size_t ranks, std::size_t i) {
  constexpr std::size_t most = 23;  // of 11
  const std::size_t step = (ranks + most - 1) / most;
  return (rank + i) % step != 0 ? 0 : static_cast<unsigned>((rank * 5 + i * 3) % 11 + 1);
}

}  // namespace

std::uint16_t nccl_input(std::size_t rank, std::size_t ranks, std::size_t i) {
  return integer(value(rank, ranks, i));
}

std::uint16_t nccl_output(Collective what, std::size_t rank, std::size_t ranks, std::size_t share,
                          std::size_t i) {
  const auto total = [&](std::size_t at) {
    unsigned all = 0;
    for (std::size_t r = 0; r < ranks; ++r) all += value(r, ranks, at);
    return integer(all);
  };
  switch (what) {
    case Collective::all_reduce:
      return total(i);
    case Collective::all_gather:
      return nccl_input(i / share, ranks, i % share);
    case Collective::reduce_scatter:
      return total(rank * share + i);
    case Collective::all_to_all:
      return nccl_input(i / share, ranks, rank * share + i % share);
  }
  return 0;
}

std::unique_ptr<Nccl> Nccl::open(const DeviceRanks& ranks, std::string& why) {
  std::unique_ptr<Library> library;
  try {
    ranks.together([&] {
      if (ranks.devices.empty() || !ranks.devices[0]->backend().is_cuda())
        throw DeviceError("no NCCL on this back end", 801);
      void* handle = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
      if (handle == nullptr)
        throw DeviceError(fmt::format("NCCL cannot be opened: {}", dlerror()), 801);
      library = std::make_unique<Library>(handle);
      if (ranks.others != nullptr && library->of_ptxemu())
        throw DeviceError("ptxemu's NCCL knows no other process", 801);
    });
    return std::make_unique<Communicator>(std::move(library), ranks);
  } catch (const DeviceError& e) {
    why = e.what();
    return nullptr;
  }
}

std::string verify_nccl(const DeviceRanks& ranks, Nccl& nccl, Collective what) {
  const std::size_t here = ranks.devices.size();
  for (const std::size_t share : {std::size_t{1}, std::size_t{37}, std::size_t{1030}}) {
    const std::size_t all = share * ranks.ranks;
    std::vector<Memory<std::uint16_t>> in, out;
    std::vector<const void*> from;
    std::vector<void*> to;
    for (std::size_t k = 0; k < here; ++k) {
      std::vector<std::uint16_t> words(all);
      for (std::size_t i = 0; i < all; ++i) words[i] = nccl_input(ranks.first + k, ranks.ranks, i);
      in.push_back(upload(*ranks.devices[k], words));
      out.push_back(upload(*ranks.devices[k], std::vector<std::uint16_t>(all, 0xffff)));
      from.push_back(in.back().data());
      to.push_back(out.back().data());
    }
    nccl.run(what, from, to, 2 * all);
    for (std::size_t k = 0; k < here; ++k) {
      const auto got = download(*ranks.devices[k], out[k].data(), all);
      const std::size_t filled = what == Collective::reduce_scatter ? share : all;
      for (std::size_t i = 0; i < all; ++i) {
        const std::uint16_t want =
            i < filled ? nccl_output(what, ranks.first + k, ranks.ranks, share, i) : 0xffff;
        if (got[i] != want)
          return fmt::format("NCCL {} of {} elements: element {} of rank {} is wrong", name(what),
                             all, i, ranks.first + k);
      }
    }
  }
  return {};
}

}  // namespace limen::gpu
