#include "kernels/cuda/nccl.hpp"

#include <dlfcn.h>

#include <bit>
#include <cstdint>

#include <fmt/format.h>

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
    const auto text = reinterpret_cast<const char* (*)(int)>(dlsym(handle_, "ncclGetErrorString"));
    throw DeviceError(fmt::format("{}: {} (NCCL error {})", function,
                                  text != nullptr ? text(code) : "failed", code),
                      999);
  }

 private:
  void* handle_;
};

class Communicator : public Nccl {
 public:
  Communicator(std::unique_ptr<Library> library, const std::vector<const Device*>& devices)
      : lib_(std::move(library)), devices_(devices), comms_(devices.size()) {
    std::vector<int> numbers;
    for (const auto* d : devices) numbers.push_back(d->number());
    lib_->must("ncclCommInitAll", comms_.data(), static_cast<int>(numbers.size()),
               static_cast<const int*>(numbers.data()));
  }
  ~Communicator() override {
    try {
      for (Comm c : comms_) lib_->call("ncclCommDestroy", c);
    } catch (const DeviceError&) {  // nothing is left to be done
    }
  }

  std::string version() const override {
    int v = 0;
    lib_->must("ncclGetVersion", &v);
    return fmt::format("NCCL {}.{}.{}", v / 10000, v / 100 % 100, v % 100);
  }

  void run(Collective what, const std::vector<const void*>& in, const std::vector<void*>& out,
           std::size_t bytes) override {
    const std::size_t n = devices_.size(), all = bytes / 2, share = all / n;
    lib_->must("ncclGroupStart");
    for (std::size_t r = 0; r < n; ++r) {
      const Stream stream = devices_[r]->stream();
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
  std::unique_ptr<Library> lib_;
  std::vector<const Device*> devices_;
  std::vector<Comm> comms_;
};

std::uint16_t integer(unsigned v) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(v)) >> 16);
}

}  // namespace

std::unique_ptr<Nccl> Nccl::open(const std::vector<const Device*>& devices, std::string& why) {
  if (devices.empty() || !devices[0]->backend().is_cuda()) {
    why = "no NCCL on this back end";
    return nullptr;
  }
  void* handle = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    why = fmt::format("NCCL cannot be opened: {}", dlerror());
    return nullptr;
  }
  try {
    return std::make_unique<Communicator>(std::make_unique<Library>(handle), devices);
  } catch (const DeviceError& e) {
    why = e.what();
    return nullptr;
  }
}

std::string verify_nccl(const std::vector<const Device*>& devices, Nccl& nccl, Collective what) {
  const std::size_t n = devices.size();
  for (const std::size_t share : {std::size_t{1}, std::size_t{37}, std::size_t{1030}}) {
    const std::size_t all = share * n;
    const auto value = [](std::size_t rank, std::size_t i) {
      return static_cast<unsigned>((rank * 5 + i * 3) % 11 + 1);
    };
    std::vector<Memory<std::uint16_t>> in, out;
    std::vector<const void*> from;
    std::vector<void*> to;
    for (std::size_t r = 0; r < n; ++r) {
      std::vector<std::uint16_t> words(all);
      for (std::size_t i = 0; i < all; ++i) words[i] = integer(value(r, i));
      in.push_back(upload(*devices[r], words));
      out.push_back(upload(*devices[r], std::vector<std::uint16_t>(all, 0xffff)));
      from.push_back(in.back().data());
      to.push_back(out.back().data());
    }
    nccl.run(what, from, to, 2 * all);
    for (const auto* d : devices) d->synchronize();
    const auto total = [&](std::size_t i) {
      unsigned t = 0;
      for (std::size_t r = 0; r < n; ++r) t += value(r, i);
      return t;
    };
    for (std::size_t r = 0; r < n; ++r) {
      const auto got = download(*devices[r], out[r].data(), all);
      const std::size_t filled = what == Collective::reduce_scatter ? share : all;
      for (std::size_t i = 0; i < all; ++i) {
        unsigned want = 0;
        if (what == Collective::all_reduce) want = total(i);
        if (what == Collective::all_gather) want = value(i / share, i % share);
        if (what == Collective::reduce_scatter) want = total(r * share + i % share);
        if (what == Collective::all_to_all) want = value(i / share, r * share + i % share);
        if (got[i] != (i < filled ? integer(want) : 0xffff))
          return fmt::format("NCCL {} of {} elements: element {} of rank {} is wrong", name(what),
                             all, i, r);
      }
    }
  }
  return {};
}

}  // namespace limen::gpu
