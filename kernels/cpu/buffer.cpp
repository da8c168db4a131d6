#include "kernels/cpu/buffer.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <string>

#include "model/error.hpp"

namespace limen::kernels {

Buffer::Buffer(std::size_t bytes) : size_(bytes) {
  constexpr std::size_t huge = std::size_t{2} << 20;
  mapped_ = bytes + huge;
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    throw Error("the system refused " + std::to_string(bytes) +
                " bytes of memory: lower --memory-share, or raise the limit (ulimit -v)");
  }
  const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
  data_ = reinterpret_cast<std::byte*>((start + huge - 1) / huge * huge);
  madvise(data_, bytes,
          MADV_HUGEPAGE);  // advice: without it everything still works, on 4 KiB pages
}

Buffer::~Buffer() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_);
}

}  // namespace limen::kernels
